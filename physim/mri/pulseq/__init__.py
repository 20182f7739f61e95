"""Pulseq files: reading revisions 1.2 to 1.5 as text and 1.5.2 as binary, writing 1.5 as text."""

from .extensions import PulseqWarning as PulseqWarning
from .from_pypulseq import from_pypulseq as from_pypulseq
from .read import read_pulseq as read_pulseq
from .signature import CheckSignature as CheckSignature
from .signature import IgnoreSignature as IgnoreSignature
from .write import write_pulseq as write_pulseq
