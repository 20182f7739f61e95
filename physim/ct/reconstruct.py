"""From detector readings to an image in Hounsfield units."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from .filtered import Hann, Window, filtered_back_projection, widest_gap
from .geometry import ParallelBeam
from .project import refuse_tilt
from .protocol import ENERGIES, Protocol
from .scan import Readings

_THICKEST = 700.0  # mm of water that the correction is fitted up to
_TERMS = 8


def reconstruct(raw: Readings, grid: Grid, window: Window = Hann()) -> Float[Array, "x y z"]:
    """The CT image in Hounsfield units, 1000 (μ − μ_water) / μ_water, by filtered back-projection.

    The log signal becomes the thickness of water that would give it (`water_thickness`): beam hardening in water is
    corrected, and water is at 0 HU and vacuum at −1000 HU with no number adjusted. Bone and metal still harden the beam.
    Only voxels that every view sees are right. Differentiable in the readings, geometry and protocol.
    Raises `ValueError` for NaN, views that leave directions out, and planes of the grid that no detector row sees.

    Good values: `Hann()` for soft tissue, `RamLak()` for the sharpest edges.
    """
    require_shape("signal", raw.signal, raw.geometry.sinogram_shape)
    require_finite("signal", raw.signal)
    require_range("signal", raw.signal, 0.0, np.inf, "keV")
    refuse_tilt(grid)
    _refuse_unseen(grid, raw.geometry)
    return _reconstruct(raw, grid, window)


@jax.jit
def _reconstruct(raw: Readings, grid: Grid, window: Window):
    thickness = water_thickness(raw.log(), raw.protocol)
    return 1000 * (filtered_back_projection(thickness, grid, raw.geometry, window) - 1)


def water_thickness(
    log: Float[Array, "view row column"], protocol: Protocol
) -> Float[Array, "view row column"]:
    """The thickness of water, mm, whose log signal under this protocol is `log`.

    A polynomial: thickness / log in Chebyshev polynomials of log, least squares over 0 to 700 mm, from the protocol's
    own spectrum. Herman, Phys. Med. Biol. 24 (1979) 81 corrects beam hardening so.
    """
    top, coefficients = _water_polynomial(protocol)
    scaled = 2 * log / top.astype(log.dtype) - 1
    # Clenshaw's recurrence.
    ahead, further = jnp.zeros_like(log), jnp.zeros_like(log)
    for coefficient in coefficients[:0:-1].astype(log.dtype):
        ahead, further = coefficient + 2 * scaled * ahead - further, ahead
    return log * (coefficients[0].astype(log.dtype) + scaled * ahead - further)


def _water_polynomial(protocol: Protocol):
    """The log signal behind the thickest water, and the Chebyshev coefficients of thickness over log."""
    energies = jnp.asarray(ENERGIES)
    thickness = _THICKEST * jnp.linspace(0.0, 1.0, 257)[1:] ** 1.5
    attenuation = jnp.asarray(TISSUES["water"].attenuation(energies))
    signal = energies * protocol.fluence()
    log = -jnp.log(jnp.exp(-thickness[:, None] * attenuation) @ (signal / jnp.sum(signal)))
    scaled = 2 * log / log[-1] - 1
    columns = [jnp.ones_like(scaled), scaled]
    for _ in range(_TERMS - 2):
        columns.append(2 * scaled * columns[-1] - columns[-2])
    matrix = jnp.stack(columns, axis=1)
    return log[-1], jnp.linalg.solve(matrix.T @ matrix, matrix.T @ (thickness / log))


def _refuse_unseen(grid: Grid, geometry: ParallelBeam) -> None:
    """Views must surround the patient and rows must cover the grid's planes."""
    leaves = jax.tree.leaves((grid, geometry))
    if not all(is_concrete(leaf) for leaf in leaves):
        return
    gap = widest_gap(np.asarray(geometry.angles))
    if gap > np.pi / 8:
        raise InputError(
            f"the views leave out {np.degrees(gap):.0f}° of the half turn; reconstruct needs views all around: "
            "write parallel_beam(n_views, ..., arc=math.pi) with more views"
        )
    planes = np.asarray(grid.origin)[2] + np.asarray(grid.direction)[2, 2] * grid.spacing[2] * np.arange(
        grid.shape[2]
    )
    rows, slack = np.asarray(geometry.rows), 1e-3 * float(geometry.pixel_size[0])
    if planes.min() < rows.min() - slack or planes.max() > rows.max() + slack:
        raise InputError(
            f"the grid reaches from z = {planes.min():g} to {planes.max():g} mm, and the detector rows see only "
            f"{rows.min():g} to {rows.max():g} mm; add detector rows or take a grid with fewer planes"
        )
