"""A radiograph: one view, a flat panel, an antiscatter grid."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim_phantoms import Phantom
from physim_phantoms._checks import require_range

from ..detection import EnergyIntegrating, LightSpread, Noise, QuantumNoise, caesium_iodide
from ..geometry import ConeBeam
from ..geometry.checks import Number
from ..projector import Joseph, Model
from ..readings import Readings
from ..scan import scan
from ..scatter import AntiscatterGrid, convolution_scatter
from ..source import ENERGIES, Protocol
from ..subsampling import SubSampling


def flat_panel(
    geometry: ConeBeam,
    thickness: Number = 0.5,
    *,
    half_frequency: Number = 1.3,
    electronic_noise: Number = 300.0,
    fill_factor: Number = 0.7,
) -> EnergyIntegrating:
    """An indirect flat panel for the pixels of `geometry`: a screen of caesium iodide whose light spreads (`LightSpread`).

    - `thickness`: of caesium iodide without its gaps, mm. - `half_frequency`: where its modulation is a half, 1/mm.
    - `electronic_noise`: keV.

    Good values: 0.5 mm, 1.3 /mm, 300 keV. Errors as `EnergyIntegrating` and `LightSpread`.
    """
    row, column = geometry.pixel_size
    return EnergyIntegrating(
        caesium_iodide(),
        thickness,
        fill_factor=fill_factor,
        electronic_noise=electronic_noise,
        optical_crosstalk=LightSpread(half_frequency, pixel_size=(row[0], column[0])),
    )


def expose(
    patient: Phantom,
    geometry: ConeBeam,
    protocol: Protocol,
    key: PRNGKeyArray,
    *,
    grid: AntiscatterGrid | None = None,
    scatter: Number = 1.0,
    model: Model = Joseph(),
    noise: Noise = QuantumNoise(),
    subsampling: SubSampling = SubSampling(),
) -> Readings:
    """A radiograph with scatter, through an antiscatter grid if one is given: `scan` with `convolution_scatter`.

    The grid takes its share of the primary as if the tube gave less charge, so the readings' protocol holds the charge
    that reached the panel, and `log()` is free of the grid. - `scatter`: factor on scatter, 0 is none; the kernels were
    fitted to cylinders in CT and are 5 to 20 % low for broad beams behind a grid, see `convolution_scatter`.
    Differentiable in patient, geometry, protocol and grid. Errors as `scan`; the scatter factor must not be negative.

    Good values: `geometry = radiograph(1500.0, 1800.0, (430, 430), (1.0, 1.0))`, `Protocol(120.0, 3.0, filtration=3.0,
    detector=flat_panel(geometry))`, `grid=bucky(12.0, 40.0)`.
    """
    require_range("scatter", scatter, 0.0, 100.0)
    behind = protocol if grid is None else behind_grid(protocol, grid)
    scattered = convolution_scatter(grid=grid, scale=scatter)
    return scan(
        patient, geometry, behind, key, model=model, noise=noise, subsampling=subsampling, scatter=scattered
    )


def behind_grid(protocol: Protocol, grid: AntiscatterGrid) -> Protocol:
    """The protocol with the charge that the grid's primary transmission leaves of it."""
    return eqx.tree_at(lambda p: p.mas, protocol, protocol.mas * primary_transmission(grid, protocol))


def primary_transmission(grid: AntiscatterGrid, protocol: Protocol) -> Float[Array, ""]:
    """Share of the open beam's energy that rays from the focal spot keep in the grid; 0.6 to 0.8 is usual."""
    fluence = jnp.reshape(protocol.fluence(), (-1, np.size(ENERGIES))).mean(axis=0) * jnp.asarray(
        ENERGIES, float
    )
    passed = jnp.interp(jnp.asarray(ENERGIES, float), jnp.asarray(grid.energies), grid.primary())
    return jnp.sum(fluence * passed) / jnp.sum(fluence)
