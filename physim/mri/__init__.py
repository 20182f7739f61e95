"""Magnetic resonance imaging: sequences, the Bloch equations, signals, k-space and images.

`sequences` builds what a scanner plays, `simulate` tells what spins answer; `SpinEcho` and its kin are the steady-state
equations of ideal sequences, which make an image of a whole patient in a moment.
"""

from . import sequences as sequences
from .bloch import FourthOrder as FourthOrder
from .bloch import Midpoint as Midpoint
from .contrasts import Contrast as Contrast
from .contrasts import InversionRecovery as InversionRecovery
from .contrasts import SpinEcho as SpinEcho
from .contrasts import SpoiledGradientEcho as SpoiledGradientEcho
from .contrasts import null_time as null_time
from .encode import Cartesian as Cartesian
from .plot import plot as plot
from .pulseq import CheckSignature as CheckSignature
from .pulseq import IgnoreSignature as IgnoreSignature
from .pulseq import PulseqWarning as PulseqWarning
from .pulseq import from_pypulseq as from_pypulseq
from .pulseq import read_pulseq as read_pulseq
from .pulseq import write_pulseq as write_pulseq
from .scan import KSpace as KSpace
from .scan import reconstruct as reconstruct
from .scan import reconstruct_complex as reconstruct_complex
from .scan import scan as scan
from .scan import signal_map as signal_map
from .scanner import Scanner as Scanner
from .sequence import Adc as Adc
from .sequence import Block as Block
from .sequence import Program as Program
from .sequence import Rf as Rf
from .sequence import RfShim as RfShim
from .sequence import Sequence as Sequence
from .sequence import SoftDelay as SoftDelay
from .sequence import Trapezoid as Trapezoid
from .sequence import Trigger as Trigger
from .sequence import TriggerKind as TriggerKind
from .sequence import Use as Use
from .sequence import Waveform as Waveform
from .sequence import b_matrix as b_matrix
from .sequence import block as block
from .sequence import compile_sequence as compile_sequence
from .sequence import kspace_of as kspace_of
from .simulate import magnetisation as magnetisation
from .simulate import simulate as simulate
from .spins import Isochromats as Isochromats
