"""A cone-beam scanner finds its own misalignment: gradients through the scan itself.

The detector of a dental cone-beam scanner is shifted, rolled and tilted, and its focal spot stands too far away; the
reconstruction believes the drawing. The scanner scans a lattice of acrylic cubes that is known. Its model is the whole
differentiable scan: `jax.jvp` through `ct.scan` tells how every reading changes with every number of the geometry, and
a few steps of Gauss and Newton find all of them at once, with their uncertainties.

Then a head is imaged by the same scanner. The readings are moved to where an upright detector would have read them, and
filtered back-projection does the rest.

Look at: double contours of skull and orbits before, none after; every parameter right to its uncertainty after four steps.
The distances of source and detector go astray first: only their ratio is seen well, and telling them apart takes a lattice
that is known as exactly as this one: the model even has the voxels of the scan. One to two minutes on two cores once compiled.

    python examples/geometry_self_calibration.py [--out figures] [--quick]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import figure as fig
import jax
import jax.numpy as jnp
import numpy as np
import upright

from physim import ct
from physim_phantoms import Grid, Phantom, anatomy, qa

TO_AXIS, TO_DETECTOR = 400.0, 700.0  # mm
# What is wrong with the scanner: name, true value, unit, and what is one unit of it in mm or rad.
TRUE = {
    "column shift": (4.0, "mm", 1.0),
    "row shift": (-3.0, "mm", 1.0),
    "detector distance": (6.0, "mm", 1.0),
    "roll": (1.5, "°", np.pi / 180),
    "tilt": (2.0, "°", np.pi / 180),
    "slant": (-1.5, "°", np.pi / 180),
    "source distance": (5.0, "mm", 1.0),
}
BONE = (-700.0, 1300.0)  # HU
AXIAL = -18.0  # mm
SAGITTAL = Grid((1, 232, 150), (1.0, 1.0, 0.66), origin=(8.0, -115.5, -49.17))
STEPS = 5
HIGH = 6.8  # inches of the page


def scanner(values, views: int, shape: tuple[int, int], pixel: float) -> ct.ConeBeam:
    """The scanner with its misalignment in the units of `TRUE`; numbers may be traced."""
    column, row, distance, roll, tilt, slant, source = (
        v * unit for v, (_, _, unit) in zip(values, TRUE.values(), strict=True)
    )
    ideal = ct.circular_cone(views, TO_AXIS, TO_DETECTOR, shape, (pixel, pixel))
    return ct.misaligned(
        ideal,
        roll=roll,
        tilt=tilt,
        slant=slant,
        shift=(row, column, distance),
        source_shift=(0.0, 0.0, -source),
    )


def lattice(spacing: float) -> Phantom:
    """The known object: 5 × 5 × 3 cubes of acrylic, 10 mm, in a box of water."""
    shape = [round(edge / spacing) for edge in (132.0, 132.0, 84.0)]
    return qa.resolution_grid(Grid(shape, spacing), pitch=24.0, cube=10.0, count=(5, 5, 3), margin=8.0)


def calibrated(measured, patient: Phantom, protocol, views: int, shape, pixel: float):
    """Gauss and Newton: all values after every step, and the standard deviations of the last."""
    quiet = ct.Noiseless()

    def predicted(values):
        raw = ct.scan(patient, scanner(values, views, shape, pixel), protocol, jax.random.key(0), noise=quiet)
        return raw.log()

    @jax.jit
    def step(values):
        """The normal equations, one forward derivative for each parameter."""
        derivative = lambda tangent: jax.jvp(predicted, (values,), (tangent,))[1].ravel()
        slopes = jax.lax.map(derivative, jnp.eye(len(TRUE)))
        residual = (measured - predicted(values)).ravel()
        return slopes @ slopes.T, slopes @ residual, jnp.mean(residual**2)

    track, values = [np.zeros(len(TRUE))], jnp.zeros(len(TRUE))
    for _ in range(STEPS):
        normal, right, _ = step(values)
        values = values + jnp.linalg.solve(normal, right)
        track.append(np.asarray(values))
    normal, _, variance = step(values)
    return np.array(track), np.sqrt(np.diag(np.linalg.inv(np.asarray(normal, float))) * float(variance))


def head_scans(found: np.ndarray, quick: bool):
    """A head in bone window: as the drawing has it, as calibrated, and from a scanner without fault; axial and sagittal."""
    spacing, views, shape, pixel = (3.0, 60, (54, 96), 5.0) if quick else (1.5, 180, (108, 192), 2.5)
    grid = Grid((round(192 / spacing), round(240 / spacing), round(105 / spacing)), spacing)
    patient = anatomy.head(grid, jax.random.key(5), age=50.0, sex="F")
    protocol = ct.Protocol(kvp=100.0, mas=400.0)
    true = scanner([v for v, *_ in TRUE.values()], views, shape, pixel)
    perfect = ct.circular_cone(views, TO_AXIS, TO_DETECTOR, shape, (pixel, pixel))
    raw = ct.scan(patient, true, protocol, jax.random.key(3))
    real = scanner(found, views, shape, pixel)
    seen = ct.circular_cone(views, TO_AXIS + found[-1], TO_DETECTOR + found[-1], shape, (pixel, pixel))
    scans = {
        "AS DRAWN": upright.believed(upright.passed(raw), raw, perfect),
        "CALIBRATED": upright.moved(raw, real, seen),
        "WITHOUT FAULT": ct.scan(patient, perfect, protocol, jax.random.key(3)),
    }
    cuts = {"axial": fig.one_plane((184.0, 232.0), 1.0, 1.0, height=AXIAL), "sagittal": SAGITTAL}
    return cuts, {
        name: {cut: np.asarray(ct.reconstruct(scan, on)).squeeze() for cut, on in cuts.items()}
        for name, scan in scans.items()
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    asked = fig.options(__doc__, arguments)
    views, shape, pixel = (12, (40, 68), 6.0) if asked.quick else (24, (60, 100), 4.0)
    protocol = ct.Protocol(kvp=100.0, mas=10.0)
    true = scanner([v for v, *_ in TRUE.values()], views, shape, pixel)
    known = lattice(3.0 if asked.quick else 2.0)
    measured = ct.scan(known, true, protocol, jax.random.key(1)).log()
    track, deviations = calibrated(measured, known, protocol, views, shape, pixel)
    numbers = {}
    for (name, (value, unit, _)), found, spread in zip(TRUE.items(), track[-1], deviations, strict=True):
        numbers[f"{name}, true [{unit}]"] = value
        numbers[f"{name}, found [{unit}]"] = float(found)
        numbers[f"{name}, standard deviation [{unit}]"] = float(spread)
    cuts, images = head_scans(track[-1], asked.quick)
    best = images["WITHOUT FAULT"]["axial"]
    for name in ("AS DRAWN", "CALIBRATED"):
        error = images[name]["axial"] - best
        numbers[f"RMS difference from a scanner without fault, {name.lower()} [HU]"] = float(
            np.sqrt(np.mean(error**2))
        )
    fig.tell(numbers, 4)
    draw(cuts, images, track, deviations, numbers, asked.out)
    return numbers


def draw(cuts, images, track: np.ndarray, deviations: np.ndarray, numbers: Mapping[str, float], folder: Path):
    """The head before and after, and how the parameters were found."""
    page = fig.page(
        15.0,
        HIGH,
        "Geometry self-calibration",
        "cone beam   ·   100 kV   ·   calibrated on a lattice of cubes",
    )
    for number, (name, cut) in enumerate(images.items()):
        left = 0.34 + 3.05 * number
        off = numbers.get(f"RMS difference from a scanner without fault, {name.lower()} [HU]")
        note = "what it should show" if off is None else f"RMS error {off:.0f} HU"
        axial = fig.image(page, (left, 0.95, 2.95, 3.72), cut["axial"], cuts["axial"], BONE, name, note)
        fig.image(page, (left, 4.82, 2.95, 1.26), cut["sagittal"], cuts["sagittal"], BONE, axes=(1, 2))
        if not number:
            fig.scale_bar(axial)
    steps = np.arange(len(track))
    panel = fig.plot(page, (10.3, 0.95, 4.3, 2.9), "Distance from the truth", "Gauss-Newton step", "mm or °")
    tones = ("#f2b544", "#e0605e", "#b07ab8", "#4fb3bf", "#7fae5a", "#8aa4d6", "#c9ccd1")
    for (name, (value, _, _)), found, tone in zip(TRUE.items(), track.T, tones, strict=True):
        panel.plot(steps, np.abs(found - value), "o-", color=tone, linewidth=1.2, markersize=4, label=name)
    panel.set(yscale="log", xticks=steps)
    for row, cells in enumerate(table(track[-1], deviations)):
        for cell, place, side in zip(cells, (10.3, 12.6, 14.65), ("left", "right", "right"), strict=True):
            tone = fig.GREY if not row else tones[row - 1] if side == "left" else fig.INK
            page.text(place / 15.0, 1 - (4.5 + 0.235 * row) / HIGH, cell, color=tone, fontsize=9.5, ha=side)
    fig.save(page, folder, "geometry_self_calibration")


def table(found: np.ndarray, deviations: np.ndarray) -> list[tuple[str, str, str]]:
    """True and found values as text."""
    rows = [("", "true", "found ± standard deviation")]
    for (name, (value, unit, _)), v, s in zip(TRUE.items(), found, deviations, strict=True):
        rows.append(
            (name, f"{value:.2f} {unit}".replace("-", "−"), f"{v:.4f} ± {s:.4f} {unit}".replace("-", "−"))
        )
    return rows


if __name__ == "__main__":
    main()
