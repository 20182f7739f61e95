"""Monte Carlo of diagnostic photons in one convex body of one material: what the scatter model is fitted to.

Physics: photoelectric absorption (characteristic X-rays of light elements stay where they arise), Compton scattering by Klein and
Nishina times the incoherent scattering function (no Doppler broadening), Rayleigh scattering by Thomson times the form factor.
Not in it: air, electrons (they stop where they start), polarisation, scatter in the detector.

Every photon is forced to interact inside the body and to survive, its weight carrying the odds, until Russian roulette ends it.
From each interaction every pixel receives its expectation (Kalos, Nucl. Sci. Eng. 16 (1963) 111: next-event estimator).
Weights conserve energy exactly, history by history, except at the roulette.
"""

# Numba knows NumPy's old generator only: one state per thread, seeded for each batch.
# ruff: noqa: NPY002
from typing import NamedTuple

import numpy as np
from form_factors import HC
from numba import njit, prange
from photon_materials import AVOGADRO as AVOGADRO
from photon_materials import ELECTRON, ENERGIES, QUANTILES, X_COUNT, X_STEP, Material
from photon_materials import RADIUS as RADIUS
from photon_materials import klein_nishina as klein_nishina
from photon_materials import material as material

CUTOFF = 5.0  # a photon of less energy, keV, stays where it is
CYLINDER, BOX = 0, 1
# What a pixel collects, each the energy of photons: those scattered once, by Compton or Rayleigh, and the rest.
COMPTON_ONCE, RAYLEIGH_ONCE, MORE, THROUGH_GRID = 0, 1, 2, 3


class Body(NamedTuple):
    """A convex body: a `CYLINDER` along z (radius, unused, half length) or a `BOX` (half sizes), mm, around `centre`."""

    kind: int
    half: np.ndarray
    centre: np.ndarray


class Beam(NamedTuple):
    """Photons from a point along y: the fan goes from `fan`[0] to `fan`[1], rad, and the cone is `slope` up and down.

    - `energies`, `cumulative`: the spectrum of photons, keV, as a running sum that ends at 1.
    """

    source: np.ndarray
    fan: np.ndarray
    slope: float
    energies: np.ndarray
    cumulative: np.ndarray


class Detector(NamedTuple):
    """Pixels and the way they face, `[row, column, 3]`; `grid[energy, tenth of a degree]` is the grid's transmission."""

    pixels: np.ndarray
    facing: np.ndarray
    grid: np.ndarray


def spectrum(energies: np.ndarray, photons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Energies that carry photons, and the running sum of their shares."""
    kept = photons > 0
    total = np.cumsum(photons[kept])
    return np.ascontiguousarray(energies[kept], float), total / total[-1]


@njit(cache=True, fastmath=True)
def at(table, energy):
    """Linear between the knots of `ENERGIES`."""
    place = min(max(energy - 1.0, 0.0), 148.999)
    low = int(place)
    return table[low] + (place - low) * (table[low + 1] - table[low])


@njit(cache=True)
def exit_distances(kind, half, x, y, z, u, v, w):
    """Where a line through (x, y, z), relative to the body's centre, enters and leaves it, mm along (u, v, w)."""
    near, far = -1e9, 1e9
    if kind == CYLINDER:
        a, b, c = u * u + v * v, x * u + y * v, x * x + y * y - half[0] * half[0]
        if a > 1e-12:
            root = b * b - a * c
            if root <= 0:
                return 0.0, 0.0
            root = np.sqrt(root)
            near, far = (-b - root) / a, (-b + root) / a
        elif c > 0:
            return 0.0, 0.0
    first = 2 if kind == CYLINDER else 0
    for axis in range(first, 3):
        place, step = (x, u) if axis == 0 else (y, v) if axis == 1 else (z, w)
        if abs(step) > 1e-12:
            one, two = (-half[axis] - place) / step, (half[axis] - place) / step
            near, far = max(near, min(one, two)), min(far, max(one, two))
        elif abs(place) > half[axis]:
            return 0.0, 0.0
    return (near, far) if far > near else (0.0, 0.0)


@njit(cache=True)
def turned(u, v, w, cosine, azimuth):
    """A direction at an angle to (u, v, w)."""
    sine = np.sqrt(max(1 - cosine * cosine, 0.0))
    c, s = np.cos(azimuth), np.sin(azimuth)
    across = np.sqrt(u * u + v * v)
    if across < 1e-6:
        return sine * c, sine * s * np.sign(w), cosine * np.sign(w)
    return (
        cosine * u + sine * (u * w * c - v * s) / across,
        cosine * v + sine * (v * w * c + u * s) / across,
        cosine * w - sine * across * c,
    )


@njit(cache=True)
def sampled(cosines, energy):
    """A cosine drawn from the table, between two energies by chance."""
    place = min(max(energy - 1.0, 0.0), 148.999)
    row = int(place + np.random.random())
    step = np.random.random() * (QUANTILES - 1)
    low = int(step)
    return cosines[row, low] + (step - low) * (cosines[row, low + 1] - cosines[row, low])


@njit(cache=True)
def chance(norm, function, compton, energy, cosine):
    """Probability per steradian of a scattering angle."""
    place = min(np.sqrt(max(1 - cosine, 0.0) / 2) * energy / HC / X_STEP, X_COUNT - 1.001)
    low = int(place)
    bound = function[low] + (place - low) * (function[low + 1] - function[low])
    if compton:
        ratio = 1 / (1 + energy / ELECTRON * (1 - cosine))
        free = 0.5 * ratio * ratio * (ratio + 1 / ratio - 1 + cosine * cosine)
    else:
        free = 0.5 * (1 + cosine * cosine)
    return free * bound / at(norm, energy)


@njit(cache=True)
def reach(detector, body, m, attenuation, place, along, energy, weight, once, tally):
    """Adds what every pixel expects of a photon that is about to scatter at `place`, keV per mm²."""
    compton, rayleigh = at(m.compton, energy), at(m.rayleigh, energy)
    share = compton / (compton + rayleigh)
    rows, columns, _ = detector.pixels.shape
    for r in range(rows):
        for c in range(columns):
            target, facing = detector.pixels[r, c], detector.facing[r, c]
            dx, dy, dz = target[0] - place[0], target[1] - place[1], target[2] - place[2]
            distance = np.sqrt(dx * dx + dy * dy + dz * dz)
            u, v, w = dx / distance, dy / distance, dz / distance
            ahead = u * facing[0] + v * facing[1] + w * facing[2]
            across = abs(u * facing[1] - v * facing[0])  # facing is horizontal
            _, out = exit_distances(
                body.kind,
                body.half,
                place[0] - body.centre[0],
                place[1] - body.centre[1],
                place[2] - body.centre[2],
                u,
                v,
                w,
            )
            cosine = u * along[0] + v * along[1] + w * along[2]
            less = energy / (1 + energy / ELECTRON * (1 - cosine))
            seen = weight * ahead / (distance * distance)
            one = seen * share * chance(m.compton_norm, m.incoherent, True, energy, cosine)
            one *= less * np.exp(-at(attenuation, less) * out)
            two = seen * (1 - share) * chance(m.rayleigh_norm, m.coherent, False, energy, cosine)
            two *= energy * np.exp(-at(attenuation, energy) * out)
            tenth = min(int(np.degrees(np.arctan2(across, ahead)) * 10 + 0.5), 899)
            tally[COMPTON_ONCE if once else MORE, r, c] += one
            tally[RAYLEIGH_ONCE if once else MORE, r, c] += two
            tally[THROUGH_GRID, r, c] += (
                one * detector.grid[int(less) - 1, tenth] + two * detector.grid[int(energy) - 1, tenth]
            )


@njit(cache=True)
def history(beam, body, m, attenuation, detector, cells, tally, deposit, balance):
    """One photon from its birth to its roulette; `balance` sums energy sent into the body, absorbed and let out, keV."""
    energy = beam.energies[np.searchsorted(beam.cumulative, np.random.random())]
    fan = beam.fan[0] + np.random.random() * (beam.fan[1] - beam.fan[0])
    slope = beam.slope * (2 * np.random.random() - 1)
    norm = np.sqrt(1 + slope * slope)
    u, v, w = np.sin(fan) / norm, np.cos(fan) / norm, slope / norm
    # Equal steps of fan angle and slope are cos³ of the cone angle as much solid angle.
    weight = 1 / norm**3
    place = beam.source - body.centre
    start, end = exit_distances(body.kind, body.half, place[0], place[1], place[2], u, v, w)
    balance[0] += weight * energy
    if end <= start:
        balance[2] += weight * energy
        return
    place = place + start * np.array((u, v, w))
    first = weight
    order = 0
    while True:
        _, out = exit_distances(body.kind, body.half, place[0], place[1], place[2], u, v, w)
        total = at(attenuation, energy)
        inside = -np.expm1(-total * max(out, 0.0))
        balance[2] += weight * (1 - inside) * energy
        weight *= inside
        if weight <= 0:
            return
        flight = -np.log1p(-np.random.random() * inside) / total
        place = place + flight * np.array((u, v, w))
        compton, rayleigh = at(m.compton, energy), at(m.rayleigh, energy)
        survived = (compton + rayleigh) / total
        lost = weight * (1 - survived) * energy
        weight *= survived
        if detector.pixels.shape[0] > 0:
            along = np.array((u, v, w))
            reach(
                detector, body, m, attenuation, place + body.centre, along, energy, weight, order == 0, tally
            )
        order += 1
        before = energy
        if np.random.random() * (compton + rayleigh) < compton:
            cosine = sampled(m.compton_cosines, energy)
            energy = energy / (1 + energy / ELECTRON * (1 - cosine))
        else:
            cosine = sampled(m.rayleigh_cosines, energy)
        lost += weight * (before - energy)
        u, v, w = turned(u, v, w, cosine, 2 * np.pi * np.random.random())
        ended = energy < CUTOFF
        if ended:
            lost += weight * energy
        balance[1] += lost
        for n in range(cells.shape[0]):
            if (np.abs(place - cells[n, 0]) <= cells[n, 1]).all():
                deposit[n] += lost
        if ended:
            return
        if weight < 0.05 * first:
            if np.random.random() < 0.5:
                return
            weight *= 2


@njit(parallel=True, cache=True)
def _run(beam, body, m, attenuation, detector, cells, histories, batches, seed):
    rows, columns, _ = detector.pixels.shape
    tally, deposit, balance = (
        np.zeros((batches, 4, rows, columns)),
        np.zeros((batches, len(cells))),
        np.zeros((batches, 3)),
    )
    for batch in prange(batches):
        np.random.seed(seed + batch)  # a batch has its own numbers, whichever thread draws them
        for _ in range(histories):
            history(beam, body, m, attenuation, detector, cells, tally[batch], deposit[batch], balance[batch])
    return tally, deposit, balance


class Result(NamedTuple):
    """Means per photon and steradian sent out, each with one value per batch in front.

    - `signal`: `[batch, kind, row, column]`, keV/mm². - `deposit`: `[batch, cell]` and `balance`: `[batch, in, absorbed, out]`,
      keV per history (not per steradian).
    """

    signal: np.ndarray
    deposit: np.ndarray
    balance: np.ndarray


def run(
    beam: Beam,
    body: Body,
    made: Material,
    detector: Detector,
    *,
    cells=(),
    histories=2000,
    batches=20,
    seed=1,
) -> Result:
    """Follows batches × histories photons; equal seeds give equal results, whatever the number of threads."""
    attenuation = made.photoelectric + made.compton + made.rayleigh
    boxes = np.array(cells, float).reshape(-1, 2, 3)
    tally, deposit, balance = _run(beam, body, made, attenuation, detector, boxes, histories, batches, seed)
    sent = (beam.fan[1] - beam.fan[0]) * 2 * beam.slope
    return Result(tally * sent / histories, deposit / histories, balance / histories)


def primary(beam: Beam, body: Body, made: Material, detector: Detector) -> np.ndarray:
    """What goes straight through, keV/mm² per photon and steradian, `[row, column]`: Beer and Lambert, no chance in it."""
    shares = np.diff(beam.cumulative, prepend=0.0)
    mu = np.interp(beam.energies, ENERGIES, made.photoelectric + made.compton + made.rayleigh)
    rows, columns, _ = detector.pixels.shape
    signal = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            ray = detector.pixels[r, c] - beam.source
            distance = np.linalg.norm(ray)
            low, high = exit_distances(body.kind, body.half, *(beam.source - body.centre), *(ray / distance))
            left = np.sum(shares * beam.energies * np.exp(-mu * (high - low)))
            signal[r, c] = left * (ray / distance) @ detector.facing[r, c] / distance**2
    return signal


def arc(
    radius: float, fans: np.ndarray, heights: np.ndarray, source: np.ndarray, grid: np.ndarray | None = None
) -> Detector:
    """Pixels on a cylinder of `radius` mm around the source, at fan angles (rad) and heights (mm)."""
    facing = np.stack([np.sin(fans), np.cos(fans), 0 * fans], -1)
    pixels = source + radius * facing + np.array(heights)[:, None, None] * np.array([0.0, 0, 1])
    open_ = np.ones((len(ENERGIES), 900))
    return Detector(
        np.ascontiguousarray(pixels),
        np.broadcast_to(facing, pixels.shape).copy(),
        open_ if grid is None else grid,
    )


def no_detector() -> Detector:
    """Nothing to reach: only the energy that stays in the body is counted."""
    return Detector(np.zeros((0, 0, 3)), np.zeros((0, 0, 3)), np.ones((1, 900)))
