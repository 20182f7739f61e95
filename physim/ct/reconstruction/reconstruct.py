"""From detector readings to an image in Hounsfield units."""

from typing import Protocol as Interface
from typing import cast, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Grid, Tissue
from physim_phantoms._checks import InputError, require_finite, require_range

from ..detection import Detector
from ..geometry import Geometry
from ..projector import project
from ..readings import Readings, air_signal
from ..source import ENERGIES
from .analytic import FilteredBackProjection
from .beam_hardening import bone_corrected, bone_worth, thickness_of_water
from .polychromatic import beams
from .windows import Hann, Window, require_window

Image = Float[Array, "x y z"]
Sinogram = Float[Array, "view row column"]


@runtime_checkable
class Method(Interface):
    """What `reconstruct` asks of a method: the volume whose line integrals are `sino`, whose inverse variances are `weights`."""

    def solve(self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None) -> Image:
        """The volume, in the unit of `sino` per mm."""
        ...


def reconstruct(raw: Readings, grid: Grid, method: Method | None = None, *, window: Window = Hann()) -> Image:
    """The CT image in Hounsfield units, 1000 (μ − μ_water) / μ_water.

    The log signal becomes the thickness of water that would give it (`water_thickness`): beam hardening in water is
    corrected, and water is at 0 HU and vacuum at −1000 HU with no number adjusted. Bone and metal still harden the beam
    (`reconstruct_with_bone`). The channels of a photon-counting detector are summed. Differentiable in the readings,
    geometry and protocol; only voxels that every view sees are right.

    - `method`: `FilteredBackProjection(window)` unless given; `CGLS`, `OSSART` and `PWLS` iterate, with the readings'
      inverse variances as weights.

    Raises `ValueError` for NaN, negative readings, wrong shapes, and what the method refuses: views that leave directions
    out, planes of the grid that no detector row sees, tilted grids and detectors.
    Good values: `Hann()` or `Soft()` for soft tissue, `Sharp()` or `RamLak()` for edges.
    """
    signal = _checked(raw)
    sino, weights = _water_equivalent(signal, raw)
    return hounsfield(_chosen(method, window).solve(sino, grid, raw.geometry, weights))


def reconstruct_with_bone(
    raw: Readings,
    grid: Grid,
    method: Method | None = None,
    *,
    window: Window = Hann(),
    bone: Tissue | None = None,
    between: tuple[float, float] = (150.0, 350.0),
    passes: int = 1,
) -> Image:
    """`reconstruct` with beam hardening in bone corrected too.

    Joseph and Spital, J. Comput. Assist. Tomogr. 2 (1978) 100: what a first image shows as bone is projected; the water
    that explains the readings along with it is found with the protocol's own spectra; both are reconstructed as photons
    of one energy see them.

    - `bone`: what it is made of; cortical bone unless given. - `between`: HU below which nothing and above which
      everything is bone. - `passes`: each takes one projection and one reconstruction.

    Errors as `reconstruct`. Good values: one pass; `between` above contrast medium and soft tissue.
    """
    if passes < 1:
        raise InputError(f"passes is {passes}; it must be at least 1")
    signal, chosen = _checked(raw), _chosen(method, window)
    bone = TISSUES["cortical_bone"] if bone is None else bone
    sino, weights = _water_equivalent(signal, raw)
    image = chosen.solve(sino, grid, raw.geometry, weights)
    for _ in range(passes):
        share = _bone_share(image, raw, bone, between)
        length = project(share, grid, raw.geometry)
        image = chosen.solve(_corrected(signal, raw, bone, length), grid, raw.geometry, weights)
    return hounsfield(image)


def hounsfield(relative: Image) -> Image:
    """HU from attenuation relative to water's."""
    return 1000 * (relative - 1)


def _chosen(method: object, window: object) -> Method:
    require_window(window)
    if method is None:
        return FilteredBackProjection(cast(Window, window))
    if isinstance(method, type) or not isinstance(method, Method):
        given = f"the class {method.__name__}" if isinstance(method, type) else repr(method)
        raise InputError(
            f"method is {given}; it must be an object like ct.FilteredBackProjection() or ct.CGLS(10): write it with brackets"
        )
    return method


def _checked(raw: Readings) -> Float[Array, "channel view row column"]:
    shape = np.shape(raw.signal)
    if len(shape) not in (3, 4) or shape[-3:] != raw.geometry.sinogram_shape:
        raise InputError(
            f"signal has shape {shape}; it must have shape {raw.geometry.sinogram_shape}, or a channel more in front"
        )
    require_finite("signal", raw.signal)
    require_range("signal", raw.signal, 0.0, np.inf)
    return jnp.reshape(jnp.asarray(raw.signal), (-1, *raw.geometry.sinogram_shape))


@jax.jit
def _water_equivalent(signal, raw: Readings):
    """Millimetres of water, and their inverse variances from the noise of the readings."""
    log, total = _log(signal, raw)
    scan = beams(raw.protocol, raw.geometry).summed()
    sino = thickness_of_water(log, scan)
    # Photons of one size for all: σ² = size × signal + electronic noise²; then the slope of the correction.
    electronic = jnp.asarray(getattr(raw.protocol.detector, "electronic_noise", 0.0), log.dtype)
    variance = _photon_size(raw).astype(log.dtype) * total + electronic**2
    slope = jnp.where(jnp.abs(log) > 1e-3, log / jnp.where(jnp.abs(log) > 1e-3, sino, 1), 0.02)
    return sino, jax.lax.stop_gradient(total**2 * slope**2 / jnp.maximum(variance, 1e-6))


def _detector(raw: Readings) -> Detector:
    return cast(Detector, raw.protocol.detector)


def _log(signal, raw: Readings):
    """−ln of the channels' sum relative to air, and the sum."""
    least = _detector(raw).least
    open_beam = jnp.sum(air_signal(raw.protocol, raw.geometry).astype(signal.dtype), axis=0)
    total = jnp.maximum(jnp.sum(signal, axis=0), least)
    return jnp.log(jnp.maximum(open_beam, least)) - jnp.log(total), total


def _photon_size(raw: Readings):
    """Mean reading of a photon that is detected, weighted by its reading: κ₂ / κ₁."""
    energies = jnp.asarray(ENERGIES, float)
    quanta = _detector(raw).quanta(energies)
    if quanta.size is None:
        return jnp.ones(())
    return jnp.sum(quanta.probability * quanta.size**2) / jnp.sum(quanta.probability * quanta.size)


@jax.jit
def _bone_share(image, raw: Readings, bone: Tissue, between):
    """The volume of bone in each voxel."""
    low, high = between
    rise = jnp.clip((hounsfield(image) - low) / (high - low), 0, 1)
    worth = bone_worth(beams(raw.protocol, raw.geometry).summed(), bone).astype(image.dtype)
    return rise**2 * (3 - 2 * rise) * image / worth


@jax.jit
def _corrected(signal, raw: Readings, bone: Tissue, length):
    log, _ = _log(signal, raw)
    return bone_corrected(log, beams(raw.protocol, raw.geometry).summed(), bone, length)[0].astype(log.dtype)
