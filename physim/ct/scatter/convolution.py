"""Scattered radiation in projections: what each ray scatters, spread over the detector by kernels of the scanner's geometry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

from ..geometry import ConeBeam, Geometry, ParallelBeam
from ..source.kerma import mean_energy
from .antiscatter import AntiscatterGrid
from .coarse import averaging, coarse_count, interpolation

Number = int | float | np.floating | Float[Array | np.ndarray, ""]
Sinogram = Float[Array | np.ndarray, "channel view row column"]
# The highest log attenuation that scatters more: behind it the primary is noise.
THICKEST = 20.0
# Points per cell at which the kernel along the columns is summed.
POINTS = 5


class ScatterKernels(eqx.Module):
    """What a ray of log attenuation p scatters, Σ_k amplitude_k p exp(growth_k p) × its primary, and how far it spreads.

    - `amplitude`, `growth`: `[0] + [1] × (mean energy of the beam − ENERGY)`, energy in keV. - `row_width`, `column_width`:
      standard deviations of Gaussians over the distance from the axis to the detector. - `reach`: that distance times it
      is how far away scatter seems to come from, which sets the angle at which it meets a grid.
    """

    amplitude: Float[Array | np.ndarray, "2 kernel"]
    growth: Float[Array | np.ndarray, "2 kernel"]
    row_width: Float[Array | np.ndarray, " kernel"]
    column_width: Float[Array | np.ndarray, " kernel"]
    reach: Float[Array | np.ndarray, ""]


ENERGY = 60.0  # keV


class ConvolutionScatter(eqx.Module):
    """Scatter by convolution; made by `convolution_scatter`.

    - `kernels`: strengths and widths. - `grid`: antiscatter grid whose strips run along the rows' direction, or None.
    - `beam_height`: of the beam along the rows at the axis, mm; None is a beam as high as the detector.
    - `scale`: factor on all scatter.
    """

    kernels: ScatterKernels
    grid: AntiscatterGrid | None
    beam_height: Float[Array | np.ndarray, ""] | None
    scale: Float[Array | np.ndarray, ""]

    def signal(
        self, primary: Sinogram, air: Sinogram, beam, geometry: Geometry
    ) -> Float[Array, "channel view row column"]:
        """Mean reading of scattered photons from the mean readings without them, behind the patient and in `air`.

        S = Σ_k K_k ∗ (A_k p exp(γ_k p) P), p = −ln(P / air): B. Ohnesorge, T. Flohr and K. Klingenbeck-Regn, Eur. Radiol. 9
        (1999) 563, with the amplitude's growth and two kernels of M. Sun and J. M. Star-Lack, Phys. Med. Biol. 55 (2010)
        6695. Linear in P and smooth for a given p; differentiable in readings, geometry and kernels.
        `beam` gives the spectrum, photons per `[view, energy]` at 10.5 to 149.5 keV. Behind a grid the reading is relative
        to a primary that lost nothing in it: the kernels are multiplied by transmission / primary transmission.
        """
        primary, air = jnp.asarray(primary), jnp.asarray(air)
        energy = mean_energy(beam.spectrum).astype(primary.dtype)
        path = _log_attenuation(primary, air)
        spread = _Spread(*self._places(geometry), *(coarse_count(n) for n in primary.shape[-2:]))
        total = jnp.zeros_like(primary)
        for k in range(np.shape(self.kernels.row_width)[0]):
            line = lambda pair, k=k: (pair[0, k] + pair[1, k] * (energy - ENERGY))[:, None, None]
            source = line(self.kernels.amplitude) * path * jnp.exp(line(self.kernels.growth) * path) * primary
            widths = self.kernels.row_width[k], self.kernels.column_width[k]
            total = total + spread.apply(source, *widths, self.grid, self.kernels.reach, energy)
        return (jnp.asarray(self.scale) * total).astype(primary.dtype)

    def _places(self, geometry: Geometry):
        """Per view: axis to detector, (row, column) pitch and half the beam's height at the detector, mm."""
        gap, magnification, row, column = _distances(geometry)
        half = 0.5 * geometry.sinogram_shape[1] * row
        if self.beam_height is not None:
            half = jnp.maximum(0.5 * jnp.asarray(self.beam_height) * magnification, 0.5 * row)
        return gap, row, column, half


class _Spread(eqx.Module):
    """The kernels' sums over the detector, on coarse pixels: scatter is smooth."""

    gap: Array
    row: Array
    column: Array
    half: Array
    rows: int = eqx.field(static=True)
    columns: int = eqx.field(static=True)

    def apply(self, source, row_width, column_width, grid, reach, energy):
        """K ∗ source of `[channel, view, row, column]`."""
        rows, columns = source.shape[-2:]
        down = lambda fine, coarse: jnp.asarray(averaging(fine, coarse), source.dtype)
        up = lambda fine, coarse: jnp.asarray(interpolation(fine, coarse), source.dtype)
        coarse = jnp.einsum(
            "ar,bc,nvrc->nvab",
            down(rows, self.rows),
            down(columns, self.columns),
            source,
            precision="highest",
        )
        along = self._row_sums(row_width, rows)
        across = self._column_kernel(column_width, columns, grid, reach, energy)
        made = jnp.einsum("vab,nvbc->nvac", along.astype(source.dtype), coarse, precision="highest")
        made = _convolved(made, across.astype(source.dtype)[:, None])
        return jnp.einsum(
            "ra,cb,nvab->nvrc", up(rows, self.rows), up(columns, self.columns), made, precision="highest"
        )

    def _row_sums(self, width, fine: int):
        """[view, to, from]: the kernel over each row; the outermost reach to the beam's end."""
        pitch = (self.row * (fine / self.rows))[:, None]
        middles = pitch * (np.arange(self.rows) - (self.rows - 1) / 2)
        inner = pitch * (np.arange(1, self.rows) - self.rows / 2)
        edges = jnp.concatenate([-self.half[:, None], inner, self.half[:, None]], axis=1)
        sigma = (width * self.gap)[:, None, None]
        below = erf((edges[:, None, :] - middles[:, :, None]) / (np.sqrt(2) * sigma))
        return 0.5 * (below[..., 1:] - below[..., :-1])

    def _column_kernel(self, width, fine: int, grid, reach, energy):
        """[view, offset]: the kernel over a column at each offset, cyclic, with the grid's transmission."""
        pitch = (self.column * (fine / self.columns))[:, None, None]
        count = _cycle(self.columns)
        offsets = np.where(np.arange(count) < count // 2, np.arange(count), np.arange(count) - count)
        offsets = np.where(np.abs(offsets) < self.columns, offsets, np.inf)
        within = (np.arange(POINTS) + 0.5) / POINTS - 0.5
        reachable = np.isfinite(offsets)[:, None]
        place = pitch * np.where(reachable, offsets[:, None] + within, 0.0)
        sigma = (width * self.gap)[:, None, None]
        density = jnp.exp(-0.5 * (place / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
        if grid is not None:
            density = density * jax.vmap(_relative, in_axes=(None, 0, 0))(
                grid, place / (reach * self.gap[:, None, None]), energy
            )
        return jnp.sum(jnp.where(reachable, density, 0) * pitch / POINTS, axis=-1)


def _relative(grid: AntiscatterGrid, tangent, energy):
    """The grid's transmission over that of rays from the focal spot."""
    one = grid.at(energy)
    return one.transmission(tangent)[..., 0] / one.primary()[0]


def _convolved(values, kernel):
    """Along the last axis, with the kernel at cyclic offsets."""
    count, columns = kernel.shape[-1], values.shape[-1]
    spectrum = jnp.fft.rfft(values, count, axis=-1) * jnp.fft.rfft(kernel, axis=-1)
    return jnp.fft.irfft(spectrum, count, axis=-1)[..., :columns]


def _cycle(columns: int) -> int:
    """Length of a transform in which no offset wraps around."""
    return 1 << int(np.ceil(np.log2(max(2 * columns, 2))))


def _log_attenuation(primary, air):
    """−ln(primary / air) between 0 and THICKEST; 0 where no photon was sent."""
    lit = air > 0
    share = jnp.where(lit, primary, 1) / jnp.where(lit, air, 1)
    return -jnp.log(jnp.clip(share, np.exp(-THICKEST), 1.0))


def _distances(geometry: Geometry):
    """Per view: axis to detector, magnification of the axis, (row, column) pitch, mm."""
    if isinstance(geometry, ParallelBeam):
        one = jnp.ones(geometry.sinogram_shape[0])
        # Parallel rays have no axis to detector distance: that of a clinical scanner, 490 mm of 1085 mm.
        gap = 490 / 1085 * jnp.asarray(geometry.source_to_detector) * one
        return gap, one, geometry.pixel_size[0] * one, geometry.pixel_size[1] * one
    return _cone_distances(geometry)


def _cone_distances(geometry: ConeBeam):
    ahead = lambda vector: jnp.sum(vector * geometry.normal, axis=-1)
    axis = jnp.asarray(geometry.sweep.centre)
    gap = ahead(jnp.asarray(geometry.detector_centre) - axis)
    near = ahead(axis - jnp.asarray(geometry.source))
    row, column = geometry.pixel_size
    # An axis beyond source or detector has no meaning here; the middle between them has.
    whole = gap + near
    inside = (gap > 0) & (near > 0)
    gap, near = jnp.where(inside, gap, whole / 2), jnp.where(inside, near, whole / 2)
    return gap, whole / near, row, column


def convolution_scatter(
    *,
    grid: AntiscatterGrid | None = None,
    beam_height: Number | None = None,
    scale: Number = 1.0,
    kernels: ScatterKernels | None = None,
) -> ConvolutionScatter:
    """Scatter of water, fitted to a Monte Carlo of cylinders of 20 to 35 cm, beams of 10 to 80 mm, 80 and 120 kV.

    Over the detector it differs from the Monte Carlo by 4 % of its largest value where it was fitted and 6 % for other
    cylinders, voltages and scanners; 10 % behind grids (more for beams of 10 mm). Broad beams scatter more than it says:
    slabs under a radiograph reach 55 to 75 % of the Monte Carlo open, 80 to 95 % behind a Bucky grid.

    - `grid`: antiscatter grid, `scanner_grid()` or `bucky(...)`; None is an open detector. - `beam_height`: mm at
      the axis, where one row stands for a beam of several. - `scale`: 0 is no scatter.

    Good values: `convolution_scatter(grid=scanner_grid())` for a clinical scanner.
    Raises `ValueError` for a beam height that is not positive and a negative scale.
    """
    require_range("scale", scale, 0.0, 100.0)
    if beam_height is not None:
        require_range("beam_height", beam_height, 1e-2, 1e3, "mm")
        beam_height = jnp.asarray(beam_height, float)
    return ConvolutionScatter(kernels or water_kernels(), grid, beam_height, jnp.asarray(scale, float))


def water_kernels() -> ScatterKernels:
    """Constants fitted by `benchmarks/scatter_monte_carlo.py` to its Monte Carlo of water cylinders."""
    return ScatterKernels(
        amplitude=np.array([[0.02834, 0.31929], [-0.00003, -0.00332]]),
        growth=np.array([[0.17938, 0.05721], [-0.0004, 0.00964]]),
        row_width=np.array([0.16523, 0.70678]),
        column_width=np.array([0.08997, 0.43862]),
        reach=np.array(1.51819),
    )
