"""Phase graphs: magnetisation as configuration states that pulses mix and gradients move."""

from .atoms import Atoms as Atoms
from .fingerprints import fingerprints as fingerprints
from .fingerprints import fingerprints_with_jacobian as fingerprints_with_jacobian
from .inversion import IdealInversion as IdealInversion
from .states import States as States
from .states import Winding as Winding
from .train import Train as Train
from .train import echoes as echoes
from .train import truncation_bound as truncation_bound
