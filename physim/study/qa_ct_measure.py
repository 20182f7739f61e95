"""What the acceptance test of a CT scanner measures, on water, on rods of known materials and on a wire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from physim.ct import measure
from physim.ct.detection import Noiseless
from physim.ct.geometry import ParallelBeam
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.polychromatic import attenuations, beams, hardened_attenuations
from physim.ct.reconstruction.reconstruct import reconstruct
from physim.ct.scan import scan
from physim.ct.source import ENERGIES, Protocol
from physim.ct.subsampling import SubSampling
from physim_phantoms import TISSUES, Grid, Phantom, qa
from physim_phantoms.shapes import Cylinder

from .ct_case import half_turn, window_of
from .qa_ct_table import ranges_hold
from .qa_report import Measured
from .recipe_qa_ct import QaCtRecipe

SLICE = 5.0  # mm
_BODY = 150.0  # mm, of the rods' water
_PLACE = (9.3, 7.1)  # mm, of the wire: no symmetry of voxels or columns
_CNR = ("polystyrene", "acrylic", "ldpe")


def measure_noise(recipe: QaCtRecipe, protocol: Protocol, diameter: float, key: PRNGKeyArray) -> Measured:
    """CT number of water, uniformity, noise and its power spectrum, from two scans of a water cylinder."""
    grid = _grid(recipe, diameter + 20.0, recipe.phantoms.planes)
    water = qa.water_cylinder(grid, diameter, length=float(grid.extent[2]) + 50.0)
    geometry = half_turn(grid, recipe.protocol.views, recipe.protocol.pixel_size)
    window = window_of(recipe.protocol.kernel)
    first, second = (
        reconstruct(scan(water, geometry, protocol, k), grid, window=window) for k in jax.random.split(key)
    )
    noise = (first - second) / math.sqrt(2)
    middle = measure.disc(grid, (0.0, 0.0), 0.2 * diameter)
    even = measure.uniformity((first + second) / 2, grid, diameter)
    size = max(4, int(0.19 * diameter / recipe.phantoms.spacing))
    power = measure.noise_power(
        measure.patches(noise, grid, size), (recipe.phantoms.spacing,) * 2, measure.Polynomial(1)
    )
    frequency, rings = (np.asarray(v, float) for v in measure.radial(power, max(4, size // 2)))
    seen = frequency > 0
    frequency, rings = frequency[seen], rings[seen]
    values = {
        "water_hu": _plain(measure.region_statistics((first + second) / 2, middle).mean),
        "noise_hu": _plain(measure.region_statistics(noise, middle).deviation),
        "uniformity": {
            "centre_hu": _plain(even.centre),
            "edge_hu": [_plain(v) for v in even.edge],
            "largest_hu": _plain(even.largest),
        },
        "nps": {
            "frequency_per_mm": [round(float(f), 5) for f in frequency],
            "power_hu2_mm2": [round(float(p), 5) for p in rings],
            "peak_per_mm": round(float(frequency[np.argmax(rings)]), 4),
            "mean_per_mm": round(float(np.sum(frequency**2 * rings) / np.sum(frequency * rings)), 4),
            "noise_from_its_integral_hu": _plain(jnp.sqrt(power.variance())),
            "regions": 8 * recipe.phantoms.planes,
        },
    }
    return Measured("water", np.asarray(first, np.float32), grid, values)


def measure_rods(recipe: QaCtRecipe, protocol: Protocol, key: PRNGKeyArray) -> Measured:
    """CT numbers of eight materials, their linearity, and contrast-to-noise ratios; ranges only where they hold."""
    grid = _grid(recipe, _BODY + 20.0, 1)
    rods = qa.ct_sensitometry(grid, diameter=_BODY, oversampling=4)
    geometry = half_turn(grid, recipe.protocol.views, recipe.protocol.pixel_size)
    raw = scan(rods, geometry, protocol, key)
    image = reconstruct(raw, grid, window=window_of(recipe.protocol.kernel))
    table = measure.sensitometry(image, grid)
    expected, asked = _expected(list(table), protocol, geometry), ranges_hold(float(protocol.kvp))
    centre = measure.disc(grid, (0.0, 0.0), 20.0)
    water = measure.region_statistics(image, centre)
    values = {
        "rods": {
            name: {
                "mean_hu": _plain(rod.mean),
                "deviation_hu": _plain(rod.deviation),
                "expected_hu": expected[name],
                "allowed_hu": list(rod.allowed) if rod.allowed and asked else None,
                "cnr": _plain(jnp.abs(rod.mean - water.mean) / water.deviation),
            }
            for name, rod in table.items()
        },
        "linearity": _linearity({name: float(rod.mean) for name, rod in table.items()}),
    }
    values["cnr"] = {name: values["rods"][name]["cnr"] for name in _CNR}
    return Measured("rods", np.asarray(image, np.float32), grid, values)


def _expected(names: Sequence[str], protocol: Protocol, geometry: ParallelBeam) -> dict[str, float]:
    """CT numbers by the protocol's own spectrum: of thin rods in the middle of the water."""
    water, *rods = (TISSUES[name] for name in ("water", *names))
    scan_of = beams(protocol, geometry).summed()
    thin = hardened_attenuations(scan_of, (water, *rods), attenuations((water,))[0], _BODY)[0]
    return {name: _plain(1000 * (mu / thin[0] - 1)) for name, mu in zip(names, thin[1:], strict=True)}


def _linearity(measured: dict[str, float]) -> dict[str, Any]:
    """The effective energy: where attenuation explains the CT numbers best; and the line through them there."""
    numbers = np.array(list(measured.values()))
    attenuation = np.stack([np.asarray(TISSUES[n].attenuation(jnp.asarray(ENERGIES))) for n in measured], -1)
    fits = np.array([np.corrcoef(row, numbers)[0, 1] for row in attenuation])
    best = int(np.argmax(fits))
    slope, shift = np.polyfit(attenuation[best], numbers, 1)
    return {
        "effective_energy_keV": round(float(ENERGIES[best]), 2),
        "r_squared": round(float(fits[best] ** 2), 6),
        "slope_hu_mm": round(float(slope), 2),
        "intercept_hu": round(float(shift), 2),
        "attenuation_per_mm": {
            n: round(float(a), 7) for n, a in zip(measured, attenuation[best], strict=True)
        },
    }


def measure_wire(recipe: QaCtRecipe, protocol: Protocol, diameter: float) -> Measured:
    """Modulation transfer from a steel wire without noise, and what the scanner's own numbers lead to expect."""
    pixel, window = recipe.protocol.pixel_size, window_of(recipe.protocol.kernel)
    geometry = half_turn(Grid((8, 8, 1), (8.0, 8.0, SLICE)), recipe.protocol.views, pixel)
    # A ray must not miss the wire between two pixels.
    cell = (1, min(48, max(4, math.ceil(2.0 * pixel / diameter))))
    raw = scan(
        _wire(diameter),
        geometry,
        protocol,
        jax.random.key(0),
        noise=Noiseless(),
        subsampling=SubSampling(cell=cell),
    )
    grid = _around_the_wire((161, 161, 1), 0.15 * pixel, (80.4, 79.7))
    image = FilteredBackProjection(window).solve(raw.log(), grid, geometry)
    f = np.linspace(0, 0.5 / pixel, 101)
    found = measure.mtf_from_wire(image[..., 0], grid, f, radius=8.5 * pixel, wire_diameter=diameter)
    expected = np.asarray(measure.expected_mtf(geometry, protocol, window, f), float)
    value = np.asarray(found.value, float)
    mtf = {
        "frequency_per_mm": [round(float(x), 5) for x in f],
        "value": [round(float(v), 5) for v in value],
        "expected": [round(float(v), 5) for v in expected],
        "half_lp_per_cm": _or_none(10 * float(found.falls_to(0.5))),
        "tenth_lp_per_cm": _or_none(10 * float(found.falls_to(0.1))),
        "largest_difference": round(float(np.max(np.abs(value - expected)[f <= 0.45 / pixel])), 4),
    }
    return Measured("wire", np.asarray(image, np.float32), None, {"mtf": mtf})


def _wire(diameter: float) -> Phantom:
    """A steel wire in air, on fine voxels round it alone."""
    parts: list[qa.Part] = [
        ("air", Cylinder((0.0, 0.0, 0.0), 200.0, 1e3)),
        ("stainless_steel", Cylinder((*_PLACE, 0.0), diameter / 2, 1e3)),
    ]
    return qa.assemble(_around_the_wire((24, 24, 1), diameter / 2, (11.5, 11.5)), parts, oversampling=8)


def _around_the_wire(shape: tuple[int, int, int], spacing: float, before: tuple[float, float]) -> Grid:
    """One plane in which the wire lies `before` voxels behind the first."""
    origin = (_PLACE[0] - before[0] * spacing, _PLACE[1] - before[1] * spacing, 0.0)
    return Grid(shape, (spacing, spacing, SLICE), origin=origin)


def _grid(recipe: QaCtRecipe, edge: float, planes: int) -> Grid:
    """Square planes of at least `edge` mm, `SLICE` apart."""
    spacing = recipe.phantoms.spacing
    across = 2 * math.ceil(edge / spacing / 2)
    return Grid((across, across, planes), (spacing, spacing, SLICE))


def _plain(value: Any) -> float:
    return round(float(value), 4)


def _or_none(value: float) -> float | None:
    """JSON knows no NaN: a transfer that does not fall that far has no such frequency."""
    return round(value, 3) if math.isfinite(value) else None
