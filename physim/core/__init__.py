"""What every domain stands on: linear operators with exact transposes, interpolation, warps, diffusion."""

from .diffusion import (
    ArithmeticFaces as ArithmeticFaces,
    Faces as Faces,
    HarmonicFaces as HarmonicFaces,
    diffuse as diffuse,
    face_coefficients as face_coefficients,
    outflow as outflow,
    react_diffuse as react_diffuse,
    stable_steps as stable_steps,
)
from .interpolate import sample as sample, sample_transpose as sample_transpose
from .linear_pair import LinearPair as LinearPair, linear_pair as linear_pair
from .warp import resample as resample, warp as warp
