"""Two steel coils in the upper abdomen: why metal streaks, and what normalised inpainting (NMAR) repairs.

A plane of a patient is scanned without and with two embolisation coils, one beside the head of the pancreas and one in the
splenic artery. Of the rays through both coils only the hardest photons are left, and few of them: filtered back-projection
turns these readings into a dark band between the coils, bright streaks beside it, and fine streaks of noise.
`ct.NormalisedInpainting` replaces the readings in the metal's shadow by what their neighbours and a prior image say.

Look at: the body of the pancreas, which the band hides and the repair brings back; the vertebra and the bowel gas, where
the repair leaves streaks of its own (it cannot know what lay in the shadow). Coils in soft tissue are its good case: tried
with titanium screws in a vertebra it took the bone around them away and made the whole image worse. Half a
minute on two cores once compiled.

    python examples/metal_artefact.py [--out figures] [--quick]
"""

from collections.abc import Sequence
from pathlib import Path

import figure as fig
import jax
import numpy as np
from scipy.ndimage import map_coordinates

from physim import ct
from physim_phantoms import Grid, Phantom, anatomy
from physim_phantoms.shapes import Ellipsoid

SOFT, WIDE = (-160.0, 240.0), (-300.0, 500.0)  # HU
COILS = np.array([[30.0, 2.0, 32.0], [-62.0, -14.0, 32.0]])  # mm
RADIUS, PACKING = 6.0, 0.5  # mm, and the share of steel in a coil's volume


def patient_on(grid: Grid) -> Phantom:
    """A plane through liver, pancreas, spleen and kidneys."""
    return anatomy.abdomen(
        grid, jax.random.key(3), age=55.0, sex="M", height=178.0, weight=82.0, bowel_gas=0.08
    )


def coils_on(grid: Grid) -> np.ndarray:
    """The share of steel in each voxel."""
    return PACKING * np.sum([Ellipsoid(place, RADIUS).voxelise(grid, 4) for place in COILS], axis=0)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    asked = fig.options(__doc__, arguments)
    spacing, views, columns = (2.0, 360, 300) if asked.quick else (1.0, 720, 600)
    grid = fig.one_plane((340.0, 260.0), spacing, height=COILS[0, 2])
    plain = patient_on(grid)
    embolised = plain.with_tissue("stainless_steel", coils_on(grid))

    pitch = 618.0 / columns
    geometry = ct.fan_beam(
        views, 595.0, 1085.0, columns, pitch, curved=True, slice_thickness=5.0, centre=grid.centre
    )
    protocol = ct.Protocol(kvp=120.0, mas=250.0, bowtie=ct.EqualisingBowtie(320.0, 595.0, "teflon"))
    raw = ct.scan(embolised, geometry, protocol, jax.random.key(1))
    without = ct.scan(plain, geometry, protocol, jax.random.key(2))

    method = ct.FilteredBackProjection(ct.Soft())
    images = {
        "WITHOUT METAL": ct.reconstruct(without, grid, method),
        "FILTERED BACK-PROJECTION": ct.reconstruct(raw, grid, method),
        "NORMALISED INPAINTING": ct.reconstruct(raw, grid, ct.NormalisedInpainting(method)),
    }
    planes = {name: np.asarray(image)[..., 0] for name, image in images.items()}
    numbers = measured(planes, plain, grid)
    fig.tell(numbers, 1)
    draw(planes, grid, numbers, asked.out)
    return numbers


def measured(planes: dict[str, np.ndarray], patient: Phantom, grid: Grid) -> dict[str, float]:
    """HU between the coils, and errors in HU against the scan without metal."""
    centres = np.asarray(grid.centres())[:, :, 0, :2]
    from_coils = np.min([np.linalg.norm(centres - coil[:2], axis=-1) for coil in COILS], axis=0)
    between = np.linalg.norm(centres - COILS[:, :2].mean(axis=0), axis=-1) < 6.0
    body = (np.asarray(patient.fraction("air"))[..., 0] < 0.01) & (from_coils > RADIUS + 4.0)
    truth, *tries = planes.values()
    numbers = {"between the coils, without metal [HU]": float(truth[between].mean())}
    for name, image in zip(("FBP", "NMAR"), tries, strict=True):
        error = image - truth
        numbers[f"error between the coils, {name} [HU]"] = float(error[between].mean())
        numbers[f"RMS error of the body, {name} [HU]"] = float(np.sqrt(np.mean(error[body] ** 2)))
    return numbers


def draw(planes: dict[str, np.ndarray], grid: Grid, numbers: dict[str, float], folder: Path) -> None:
    """The slice in a soft-tissue window, the pancreas in a wide one, and a line through both coils."""
    page = fig.page(15.0, 10.3, "Metal artefact", "two steel coils   ·   120 kV, 250 mAs, soft kernel")
    notes = ["the same scan before embolisation"]
    for name in ("FBP", "NMAR"):
        band, rms = (
            numbers[f"{what}, {name} [HU]"] for what in ("error between the coils", "RMS error of the body")
        )
        notes.append(f"band {fig.signed(band)} HU, RMS error {rms:.0f} HU")
    line = fig.plot(
        page, (1.0, 7.95, 13.66, 1.5), "Along the line through both coils", "mm from the middle", "HU"
    )
    middle, along = COILS.mean(axis=0), COILS[0] - COILS[1]
    steps = np.arange(-100.0, 100.5, 0.5)
    places = middle + steps[:, None] * along / np.linalg.norm(along)
    index = np.asarray(grid.world_to_index(places)).T[:2]
    looks = ((fig.GREY, 3.0), (fig.RED, 1.2), (fig.TEAL, 1.4))
    for number, ((name, plane), note, look) in enumerate(zip(planes.items(), notes, looks, strict=True)):
        left = 0.34 + 4.82 * number
        whole = fig.image(page, (left, 1.0, 4.68, 3.58), plane, grid, SOFT, name, note)
        part = fig.image(page, (left, 4.7, 4.68, 2.71), plane, grid, WIDE, zoom=(-92.0, 60.0, -48.0, 40.0))
        if not number:
            fig.scale_bar(whole)
            fig.scale_bar(part, 20.0)
        line.plot(
            steps,
            map_coordinates(plane, index, order=1),
            color=look[0],
            linewidth=look[1],
            label=name.lower(),
        )
    line.set(xlim=(100, -100), ylim=(-400, 400))
    fig.legend(line)
    fig.save(page, folder, "metal_artefact")


if __name__ == "__main__":
    main()
