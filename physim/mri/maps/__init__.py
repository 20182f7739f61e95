"""Maps of tissue values from series of images: T1, T2, T2*, diffusion, MR fingerprinting."""

from .decay import Decay as Decay
from .decay import decay as decay
from .diffusion import Diffusion as Diffusion
from .diffusion import DiffusionTensor as DiffusionTensor
from .diffusion import adc as adc
from .diffusion import diffusion_tensor as diffusion_tensor
from .fingerprint import Dictionary as Dictionary
from .fingerprint import Match as Match
from .fingerprint import fingerprints as fingerprints
from .fingerprint import match as match
from .inversion_recovery import Magnitudes as Magnitudes
from .inversion_recovery import Polarity as Polarity
from .inversion_recovery import Recovery as Recovery
from .inversion_recovery import Signed as Signed
from .inversion_recovery import inversion_recovery as inversion_recovery
from .variable_flip_angle import LongitudinalMap as LongitudinalMap
from .variable_flip_angle import variable_flip_angle as variable_flip_angle
