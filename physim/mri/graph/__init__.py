"""Phase graphs: magnetisation as configuration states that pulses mix and gradients move."""

from .atoms import Atoms as Atoms
from .fingerprints import Inversion as Inversion
from .fingerprints import fingerprints as fingerprints
from .states import States as States
from .states import Winding as Winding
from .train import Train as Train
from .train import echoes as echoes
from .train import truncation_bound as truncation_bound
