"""Antiscatter grids: thin strips of metal that point at the focal spot and stop what comes from elsewhere."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Tissue
from physim_phantoms._checks import InputError, is_concrete, require_range

Number = int | float | np.floating | Float[Array | np.ndarray, ""]
Tangents = Number | Float[Array | np.ndarray, "..."]


class AntiscatterGrid(eqx.Module):
    """Parallel strips along the detector's rows' or columns' direction, focused on the source.

    - `septum`, `interspace`: thickness of a strip and width of the gap between two, mm. - `height`: along the ray, mm.
    - `septum_attenuation`, `interspace_attenuation`: 1/mm at `energies`, keV.
    """

    septum: Float[Array | np.ndarray, ""]
    interspace: Float[Array | np.ndarray, ""]
    height: Float[Array | np.ndarray, ""]
    energies: Float[Array | np.ndarray, " energy"]
    septum_attenuation: Float[Array | np.ndarray, " energy"]
    interspace_attenuation: Float[Array | np.ndarray, " energy"]

    @property
    def ratio(self) -> Float[Array, ""]:
        """Grid ratio: height over interspace."""
        return jnp.asarray(self.height) / self.interspace

    @property
    def lines_per_mm(self) -> Float[Array, ""]:
        """Strips per mm."""
        return 1 / (jnp.asarray(self.septum) + self.interspace)

    def transmission(self, across: Tangents, along: Tangents = 0.0) -> Float[Array, "... energy"]:
        """Share of photons that pass, averaged over where they enter, at each of `energies`.

        - `across`, `along`: tangents of the angle to the strips, over them and along them; 0 is a ray from the focal spot.

        A ray that moves sideways by s = height × |across| crosses ⌊s / period⌋ whole strips and a window of the rest; the
        overlap of that window with strips is uniform between its extremes, or stays at them, so exp(−overlap) averages in
        closed form. The same average as G. J. Day and D. R. Dance, Phys. Med. Biol. 28 (1983) 1429. No scatter or
        fluorescence in the grid.
        """
        across, along = jnp.broadcast_arrays(jnp.abs(jnp.asarray(across, float)), jnp.asarray(along, float))
        across, along = across[..., None], along[..., None]
        d, gap, height = (jnp.asarray(v) for v in (self.septum, self.interspace, self.height))
        period = d + gap
        # A grain of tilt keeps the ratio of path to sideways motion finite.
        sideways = height * jnp.maximum(across, 1e-6)
        path = height * jnp.sqrt(1 + across**2 + along**2)
        between = jnp.asarray(self.interspace_attenuation)
        steep = (jnp.asarray(self.septum_attenuation) - between) * path / sideways
        whole = jnp.floor(sideways / period)
        window = sideways - whole * period
        low, high = jnp.maximum(window - gap, 0), jnp.minimum(window, d)
        at_low, at_high = jnp.exp(-steep * low), jnp.exp(-steep * high)
        mean = jnp.abs(gap - window) * at_low + jnp.abs(d - window) * at_high
        mean = (mean + 2 * _ramp(steep, low, high)) / period
        return jnp.exp(-between * path - steep * whole * d) * mean

    def at(self, energy: Number) -> "AntiscatterGrid":
        """The same grid for one energy, keV: linear between the tabulated ones."""
        one = jnp.reshape(jnp.asarray(energy, float), (1,))
        read = lambda table: jnp.interp(one, jnp.asarray(self.energies), jnp.asarray(table))
        return AntiscatterGrid(
            self.septum,
            self.interspace,
            self.height,
            one,
            read(self.septum_attenuation),
            read(self.interspace_attenuation),
        )

    def primary(self) -> Float[Array, " energy"]:
        """Primary transmission T_p at each of `energies`: what strips and interspace leave of rays from the focal spot."""
        return self.transmission(0.0)

    def scatter(self) -> Float[Array, " energy"]:
        """Scatter transmission T_s at each of `energies`, of a field equally bright from all directions ahead.

        ∫ T cosθ dΩ / ∫ cosθ dΩ over the hemisphere, 40 × 24 nodes of Gauss and Legendre in sin²θ and azimuth.
        """
        radial, radial_weight = _nodes(40)
        angle, angle_weight = _nodes(24)
        # Half the nodes' density at grazing across = 0, where the transmission is a narrow peak.
        azimuth = angle**2 * np.pi / 2
        sine, cosine = np.sqrt(radial), np.sqrt(1 - radial)
        tangent = (sine / cosine)[:, None]
        passed = self.transmission(tangent * np.sin(azimuth), tangent * np.cos(azimuth))
        weights = radial_weight[:, None] * angle_weight * 2 * angle
        return jnp.einsum("ra,rae->e", jnp.asarray(weights), passed)


def strip_grid(
    septum: Number,
    interspace: Number,
    height: Number,
    *,
    septum_material: Tissue | None = None,
    interspace_material: Tissue | None = None,
) -> AntiscatterGrid:
    """A grid from its sizes in mm; lead strips in air unless materials are given.

    Good values: `scanner_grid()` and `bucky()` are grids of their kinds.
    Raises `ValueError` for sizes that are not positive or not finite.
    """
    for name, value in (("septum", septum), ("interspace", interspace), ("height", height)):
        require_range(name, value, 1e-4, 500.0, "mm")
    energies = np.arange(10.5, 150.0)
    metal = septum_material or lead()
    air = jnp.zeros(len(energies))
    between = air if interspace_material is None else interspace_material.attenuation(energies)
    return AntiscatterGrid(
        jnp.asarray(septum, float),
        jnp.asarray(interspace, float),
        jnp.asarray(height, float),
        energies,
        jnp.asarray(metal.attenuation(energies)),
        jnp.asarray(between),
    )


def scanner_grid(height: Number = 12.0) -> AntiscatterGrid:
    """Tungsten plates of 0.1 mm between the columns of a CT detector of 1.03 mm pitch.

    The height is chosen so that 35 cm of water at 120 kV and 40 mm scatter 15 % of the primary, the figure that XCIST's
    scatter is scaled to: Monte Carlo gives 21 % for 8 mm, 14.5 % for 12 mm, 7 % for 25 mm and 104 % without plates
    (`benchmarks/results/scatter.json`). Plates of real scanners differ.
    """
    return strip_grid(0.1, 0.93, height, septum_material=tungsten())


def bucky(
    ratio: Number = 12.0,
    lines_per_cm: Number = 40.0,
    *,
    septum: Number = 0.05,
    interspace_material: Tissue | None = None,
) -> AntiscatterGrid:
    """A radiographic grid by its grid ratio and lines per cm: lead strips of `septum` mm, aluminium between them.

    Good values: ratio 12 at 40 lines per cm for a chest; `interspace_material=fibre()` passes more of the primary.
    Raises `ValueError` for a ratio outside 1 to 30, and for strips as thick as their period.
    """
    require_range("ratio", ratio, 1.0, 30.0)
    require_range("lines_per_cm", lines_per_cm, 1.0, 200.0, "1/cm")
    require_range("septum", septum, 1e-3, 1.0, "mm")
    gap = 10 / jnp.asarray(lines_per_cm, float) - septum
    if is_concrete(gap) and float(gap) <= 0:
        raise InputError(
            f"strips of {septum} mm leave no interspace at {lines_per_cm} lines per cm; "
            f"write septum={float(2 / np.asarray(lines_per_cm)):.3g}"
        )
    return strip_grid(
        septum, gap, ratio * gap, interspace_material=interspace_material or TISSUES["aluminium"]
    )


def lead() -> Tissue:
    """Lead, 11.35 g/cm³."""
    return Tissue("lead", 11.35, {"Pb": 1.0})


def tungsten() -> Tissue:
    """Tungsten, 19.3 g/cm³."""
    return Tissue("tungsten", 19.3, {"W": 1.0})


def fibre() -> Tissue:
    """Cotton or paper fibre between strips: cellulose of 0.7 g/cm³."""
    return Tissue("fibre", 0.7, {"C": 0.4445, "H": 0.0622, "O": 0.4933})


def _ramp(steep, low, high):
    """∫ exp(−steep x) dx from low to high, also where steep vanishes."""
    run = steep * (high - low)
    small = jnp.abs(run) < 1e-4
    safe = jnp.where(small, 1.0, run)
    part = jnp.where(small, 1 - run / 2, -jnp.expm1(-safe) / safe)
    return (high - low) * jnp.exp(-steep * low) * part


def _nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre on 0 to 1."""
    x, w = np.polynomial.legendre.leggauss(count)
    return (x + 1) / 2, w / 2
