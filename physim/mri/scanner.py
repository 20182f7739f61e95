"""The scanner: field strength, coils, noise, and what its fields are like."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, require_range

from .coils.covariance import Covariance, Uncorrelated
from .coils.receive import Receive, Uniform
from .coils.transmit import NominalTransmit, Transmit
from .contrasts import Number
from .gradients import GradientSystem
from .main_field import Homogeneous, MainField
from .spikes import NoSparks, Sparks

REFERENCE_FIELD = 3.0  # T, where `noise` is quoted
REFERENCE_VOLUME = 1.0  # mm³, the voxel for which `noise` is quoted


PARTS = (
    ("receive", Receive, "mri.head_array(8), or mri.Uniform()"),
    ("noise_covariance", Covariance, "mri.NoiseCovariance(psi)"),
    ("transmit", Transmit, "mri.NominalTransmit(1.2)"),
    ("b0", MainField, "mri.SusceptibilityField(), or mri.Homogeneous()"),
    ("spikes", Sparks, "mri.Spikes(...)"),
    ("gradients", GradientSystem, "mri.GradientSystem()"),
)


def _require_kind(name: str, value: object, kind: type, instead: str) -> None:
    """Refuses numbers and arrays where an object belongs."""
    if not isinstance(value, kind):
        raise InputError(f"{name} is {value!r}; it must be an object: write {name}={instead}")


class Scanner(eqx.Module):
    """A scanner; with one uniform receive coil and ideal fields unless it is told otherwise.

    - `field`: T. Relaxation times of the tissues are read at this field.
    - `noise`: standard deviation of the real part (and of the imaginary part) of the reconstructed image, as a fraction of
      the signal of fully relaxed water, for 1 mm³ voxels at 3 T and a fixed measuring time. 0 gives no noise.

    - `receive`: its coils (`Loops`, `Maps`, `head_array(8)`). - `noise_covariance`: of them, relative to `noise` squared:
      a coil with Ψ_cc = 1 has `noise` in its own image.
    - `transmit`: B1+ relative to nominal. - `b0`: off-resonance of the main field. - `spikes`: sparks in raw data.
    - `gradients`: what they do beside what a sequence asks of them; ideal unless given.

    Noise in an image follows `noise · (3 T / field) · (1 mm³ / voxel volume)`: the body is the noise source, so that the
    signal-to-noise ratio grows linearly with field and voxel volume (Hoult and Lauterbur, J. Magn. Reson. 34 (1979) 425;
    Edelstein et al., Magn. Reson. Med. 3 (1986) 604).

    Good values: `Scanner(field=3.0, noise=0.004)`, about SNR 40 in white matter for a T1-weighted image at 1.5 mm.
    """

    field: Number = 3.0
    noise: Number = 0.004
    receive: Receive = Uniform()
    noise_covariance: Covariance = Uncorrelated()
    transmit: Transmit = NominalTransmit()
    b0: MainField = Homogeneous()
    spikes: Sparks = NoSparks()
    gradients: GradientSystem = eqx.field(default_factory=GradientSystem)

    def __check_init__(self):
        require_range("field", self.field, 0.01, 20.0, "T")
        require_range("noise", self.noise, 0.0, 10.0)
        for name, kind, instead in PARTS:
            _require_kind(name, getattr(self, name), kind, instead)
        self.noise_covariance.matrix(self.receive.count)  # refuses another number of coils

    def image_noise(self, voxel_volume: Number) -> Float[Array | np.ndarray, ""]:
        """Standard deviation of the real part of the image for a voxel volume in mm³, relative to full water signal."""
        return jnp.asarray(self.noise * (REFERENCE_FIELD / self.field) * (REFERENCE_VOLUME / voxel_volume))
