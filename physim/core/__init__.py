"""What every domain stands on: linear operators with exact transposes, interpolation, warps, diffusion."""

from .diffusion import (
    ArithmeticFaces as ArithmeticFaces,
)
from .diffusion import (
    Faces as Faces,
)
from .diffusion import (
    HarmonicFaces as HarmonicFaces,
)
from .diffusion import (
    diffuse as diffuse,
)
from .diffusion import (
    face_coefficients as face_coefficients,
)
from .diffusion import (
    outflow as outflow,
)
from .diffusion import (
    react_diffuse as react_diffuse,
)
from .diffusion import (
    stable_steps as stable_steps,
)
from .interpolate import sample as sample
from .interpolate import sample_transpose as sample_transpose
from .linear_pair import LinearPair as LinearPair
from .linear_pair import compiled_call as compiled_call
from .linear_pair import linear_pair as linear_pair
from .warp import resample as resample
from .warp import warp as warp
