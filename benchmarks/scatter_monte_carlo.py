"""Claim: scatter behind 35 cm of water, 120 kV, 40 mm, is 15 % ± 3 of the primary; the convolution model follows Monte Carlo.

Runs `photon_transport` over water cylinders, beam heights and voltages, fits the constants of `ct.scatter.water_kernels` to what
reaches a detector, open and behind plates of 12 mm, and compares the model with runs that the fit has not seen: other
cylinders, scanners, voltages and plates. The transport is tuned to nothing; the plates' height decides on the 15 %.
"""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.flatten_util
import numpy as np
import photon_transport as mc
import report
from scipy.optimize import least_squares

from physim import ct
from physim.ct import scatter

WATER = {"H": 0.1119, "O": 0.8881}
ENERGIES = np.arange(10.5, 150.0)
COLUMNS, ROWS, EVERY = 96, 5, 4
HALF_FAN = 0.43  # rad
# Plates of 8, 12 and 25 mm; the model is fitted behind the middle ones.
GRIDS = {
    "low": scatter.scanner_grid(8.0),
    "middle": scatter.scanner_grid(12.0),
    "high": scatter.scanner_grid(25.0),
}


class Case(NamedTuple):
    """One scanner with one cylinder: diameter, beam height at the axis, shift of the cylinder, distances, mm."""

    diameter: float
    height: float
    kvp: float
    shift: float = 0.0
    source_to_axis: float = 595.0
    source_to_detector: float = 1085.0


CLAIM = Case(350.0, 40.0, 120.0)
NEAR, FAR = (
    {"source_to_axis": 541.0, "source_to_detector": 949.0},
    {"source_to_axis": 600.0, "source_to_detector": 1250.0},
)
FITTED = [
    *(Case(d, h, k) for k in (80.0, 120.0) for d in (200.0, 350.0) for h in (10.0, 40.0, 80.0)),
    Case(270.0, 40.0, 80.0),
    Case(270.0, 40.0, 120.0),
    Case(200.0, 40.0, 120.0, **NEAR),
    Case(270.0, 40.0, 120.0, **NEAR),
    Case(350.0, 40.0, 120.0, **NEAR),
]
GRID_FITTED = [case for case in FITTED if case.height > 10]
UNSEEN = [
    Case(280.0, 20.0, 100.0),
    Case(350.0, 40.0, 140.0),
    Case(240.0, 60.0, 120.0, shift=60.0),
    Case(300.0, 40.0, 120.0, **NEAR),
    Case(300.0, 40.0, 120.0, **FAR),
]


class Spectrum(eqx.Module):
    """What the scatter model asks of a beam."""

    spectrum: jax.Array


def geometry(case: Case):
    """One view, whose rows are as high as the beam."""
    height = case.height * case.source_to_detector / case.source_to_axis / ROWS
    pitch = 2 * HALF_FAN * case.source_to_detector / COLUMNS
    return ct.geometry.circular_cone(
        1, case.source_to_axis, case.source_to_detector, (ROWS, COLUMNS), (height, pitch), curved=True
    )


def setting(case: Case, every: int = EVERY, grid: np.ndarray | None = None):
    """Beam, body and every so many pixels of one case, for the Monte Carlo."""
    source, radius = np.array([0.0, -case.source_to_axis, 0.0]), case.diameter / 2
    body = mc.Body(mc.CYLINDER, np.array([radius, radius, 200.0]), np.array([case.shift, 0.0, 0.0]))
    middle, half = (
        np.arctan2(case.shift, case.source_to_axis),
        np.arcsin(radius / np.hypot(case.source_to_axis, case.shift)),
    )
    beam = mc.Beam(
        source,
        np.array([middle - half, middle + half]),
        case.height / 2 / case.source_to_axis,
        *photons(case.kvp),
    )
    fans = (
        2
        * HALF_FAN
        * ((np.arange(0, COLUMNS, every) + (every // 2 if every > 1 else 0) + 0.5) / COLUMNS - 0.5)
    )
    pitch = case.height * case.source_to_detector / case.source_to_axis / ROWS
    heights = pitch * (np.arange(ROWS // 2, ROWS) - ROWS // 2)
    return beam, body, mc.arc(case.source_to_detector, fans, heights, source, grid)


def fluence(kvp: float) -> np.ndarray:
    return np.asarray(ct.Protocol(kvp=kvp, mas=1.0).fluence(), float)


def photons(kvp: float) -> tuple[np.ndarray, np.ndarray]:
    return mc.spectrum(ENERGIES, fluence(kvp))


def transmissions(grid: scatter.AntiscatterGrid) -> np.ndarray:
    """The grid's table over that of rays from the focal spot, as the Monte Carlo wants it."""
    tangents = np.tan(np.radians(np.minimum(np.arange(900) / 10, 89.9)))
    table = np.asarray(grid.transmission(tangents) / grid.primary()[None], float).T
    place = np.clip(np.round(mc.ENERGIES - 10.5).astype(int), 0, len(table) - 1)
    return np.ascontiguousarray(table[place])


def followed(case: Case, material: mc.Material, histories: int, grid: np.ndarray | None = None):
    """Scatter over primary from the Monte Carlo at every EVERY-th column: [batch, kind, row, column], and the primary."""
    beam, body, detector = setting(case, grid=grid)
    result = mc.run(beam, body, material, detector, histories=histories)
    straight = mc.primary(beam, body, material, detector)
    return result.signal / straight, straight


def modelled(case: Case, kernels, material: mc.Material, grid=None):
    """Scatter over primary from the model at the same pixels: [row, column]."""
    straight, air = readings(case, material)
    return _modelled(kernels, grid, straight, air, fluence(case.kvp), geometry(case))


def readings(case: Case, material: mc.Material):
    """Primary and air at all pixels, `[1, 1, row, column]`."""
    beam, body, detector = setting(case, every=1)
    nothing = body._replace(half=np.array([1e-6, 1e-6, 1e-6]))
    mirrored = [
        np.concatenate([s[:0:-1], s])
        for s in (mc.primary(beam, b, material, detector) for b in (body, nothing))
    ]
    return tuple(s[None, None] for s in mirrored)


@jax.jit
def _modelled(kernels, grid, straight, air, spectrum, geometry):
    model = scatter.convolution_scatter(grid=grid, kernels=kernels)
    made = model.signal(straight, air, Spectrum(spectrum[None]), geometry)[0, 0] / straight[0, 0]
    return made[ROWS // 2 :, EVERY // 2 :: EVERY]


def fit(measured: list[tuple[Case, scatter.AntiscatterGrid | None, np.ndarray]], material: mc.Material):
    """Constants with the least squares of scatter over primary, relative to each case's largest."""
    start, kernels = jax.flatten_util.ravel_pytree(scatter.water_kernels())
    inputs = [
        (grid, *readings(case, material), fluence(case.kvp), geometry(case), truth, truth.max())
        for case, grid, truth in measured
    ]

    @jax.jit
    def one(x, grid, straight, air, spectrum, geometry, truth, largest):
        return (_modelled(kernels(x), grid, straight, air, spectrum, geometry) - truth).ravel() / largest

    slope = jax.jit(jax.jacfwd(one))
    low, high = np.full(start.shape, -np.inf), np.full(start.shape, np.inf)
    low[8:12], high[8:12] = 0.03, 1.5  # widths
    low[12], high[12] = 0.5, 4.0  # reach
    solved = least_squares(
        lambda x: np.concatenate([one(x, *each) for each in inputs]),
        np.asarray(start),
        jac=lambda x: np.concatenate([slope(x, *each) for each in inputs]),
        bounds=(low, high),
        x_scale=np.abs(np.asarray(start)) + 1e-3,
    )
    return kernels(solved.x)


def row(case: Case, ratio: np.ndarray, model, **more) -> dict:
    """One line of the report: in the middle of the detector, and over all pixels behind the cylinder."""
    mean = ratio.mean(axis=0)
    middle = np.s_[0, mean.shape[1] // 2]
    place = mean > 0.05 * mean.max()
    model = np.asarray(model)
    return {
        **case._asdict(),
        **more,
        "monte_carlo": float(mean[middle]),
        "uncertainty": float(ratio[:, *middle].std(ddof=1) / np.sqrt(len(ratio))),
        "model": float(model[middle]),
        "rms_difference_of_largest": float(np.sqrt(np.mean((model - mean)[place] ** 2)) / mean.max()),
    }


def main() -> None:
    """Runs, fits, compares and reports."""
    arguments = report.options(__doc__ or "")
    histories = 500 if arguments.smallest else 8000
    water = mc.material(WATER, 1.0, liquid=True)
    run = partial(followed, histories=histories)
    grids = {name: (grid, transmissions(grid)) for name, grid in GRIDS.items()}
    results = []
    for case in FITTED + UNSEEN:
        ratio = run(case, water, grid=grids["middle"][1])[0]
        results.append((case, "none", case in FITTED, ratio[:, :3].sum(axis=1)))
        results.append((case, "middle", case in GRID_FITTED, ratio[:, mc.THROUGH_GRID]))
    for name in ("low", "high"):
        for case in (CLAIM, Case(200.0, 40.0, 120.0)):
            ratio = run(case, water, grid=grids[name][1])[0]
            results.append((case, name, False, ratio[:, mc.THROUGH_GRID]))
    known = {"none": None, **GRIDS}
    kernels = fit([(c, known[g], r.mean(axis=0)) for c, g, used, r in results if used], water)
    rows = [
        row(c, r, modelled(c, kernels, water, known[g]), grid=g, fitted=used) for c, g, used, r in results
    ]
    middle = np.s_[:, :3, 0, COLUMNS // EVERY // 2]
    parts = dict(
        zip(
            ("compton_once", "rayleigh_once", "more"),
            run(CLAIM, water)[0][middle].mean(axis=0).tolist(),
            strict=True,
        )
    )
    other = {
        name: float(run(CLAIM, made)[0][middle].sum(axis=1).mean())
        for name, made in {
            "independent_atoms": mc.material(WATER, 1.0),
            "free_electrons": mc.material(WATER, 1.0, liquid=True, free=True),
        }.items()
    }
    constants = {name: np.round(value, 5).tolist() for name, value in vars(kernels).items()}
    report.finish("scatter", rows, arguments, parts_of_claim=parts, other_physics=other, constants=constants)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
