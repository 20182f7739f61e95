"""Sequences as descriptions (events in blocks, whole picoseconds) and as compiled programs (traced arrays)."""

from .blocks import Block as Block
from .blocks import Sequence as Sequence
from .blocks import block as block
from .compile import compile_sequence as compile_sequence
from .diffusion import b_matrix as b_matrix
from .events import Adc as Adc
from .events import Rf as Rf
from .events import Trapezoid as Trapezoid
from .events import Use as Use
from .events import Waveform as Waveform
from .extensions import RfShim as RfShim
from .extensions import SoftDelay as SoftDelay
from .extensions import Trigger as Trigger
from .extensions import TriggerKind as TriggerKind
from .program import Pair as Pair
from .program import Periods as Periods
from .program import Program as Program
from .program import PulseShape as PulseShape
from .program import Samples as Samples
from .trajectory import kspace_of as kspace_of
