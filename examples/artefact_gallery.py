"""Ten artefacts of magnetic resonance, each with its cause switched off and on, in one slice of a digital head.

Nothing is drawn into an image: a cause is put into the patient, the scanner or the sequence, the sequence is played to spins by
the Bloch equations, and the artefact comes out where the physics puts it. Fat is 3.4 ppm slower than water, so that a low
bandwidth displaces it; the air in the sinuses bends the main field; a delay of the read-out gradient sets odd and even lines of
EPI apart.

Look at: what moves (the scalp, the front of the brain; in EPI, which has no fat saturation here, fat lands far off), what comes
twice (ghosts, the folded head), what only changes brightness (bands, shading). One to two minutes on two cores once compiled.

    python examples/artefact_gallery.py [--out figures] [--quick]
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import figure as fig
import jax
import numpy as np

from physim import mri
from physim_phantoms import Grid, Phantom, anatomy

FIELD, VIEW, HEIGHT = 3.0, 240.0, 12.0  # T, mm, mm above the middle of the head
WHOLE = mri.sequences.Whole()
FAT = 3.4  # ppm below water
SIGNALS = 0.01  # of the brightest voxels are beyond the window
PER_VOXEL = 13  # spins in each of four parts of a pixel


class Artefact(NamedTuple):
    """One cause: the sequence, scanner and motion with it, beside those without it."""

    name: str
    cause: str
    without: mri.Sequence
    sequence: mri.Sequence
    scanner: mri.Scanner
    motion: mri.Motion | None = None


def spin_echo(matrix: tuple[int, int], view: tuple[float, float], dwell: float = 10e-6) -> mri.Sequence:
    """A proton-density-like spin echo of the slice."""
    return mri.sequences.spin_echo(matrix, view, te=20e-3, tr=0.8, region=WHOLE, dwell=dwell)


def field_of_air(spacing: float) -> mri.FieldMap:
    """What air, bone and tissue of the whole head do to the main field of the slice, Hz; its mean is shimmed away."""
    shape = np.array([round(VIEW / spacing), round(VIEW / spacing), round(260 / spacing)])
    grid = Grid(tuple(shape), spacing, origin=(0, 0, -20) - spacing * (shape - 1) / 2)
    patient = anatomy.head(grid, jax.random.key(7), age=45.0, sex="M")
    hertz = 42.58 * FIELD * np.asarray(mri.susceptibility_field(patient))
    plane = int(np.argmin(np.abs(grid.centres()[0, 0, :, 2] - HEIGHT)))
    water = sum(np.asarray(patient.fraction(name))[..., plane] for name in ("grey_matter", "white_matter"))
    return mri.FieldMap(grid, hertz - np.average(hertz[..., plane], weights=water))


def artefacts(n: int, air: mri.FieldMap) -> list[Artefact]:
    """The ten, in images of n × n."""
    scanner = lambda **causes: mri.Scanner(field=FIELD, noise=0.002, **causes)
    still, square, view = spin_echo((n, n), (VIEW, VIEW)), (n, n), (VIEW, VIEW)
    planar = mri.sequences.echo_planar(square, view, te=45e-3, region=WHOLE, dwell=4e-6)
    balanced = mri.sequences.balanced_ssfp(square, view, np.radians(45), tr=8e-3, region=WHOLE)
    late = mri.GradientSystem(delays=(3e-6, 0.0, 0.0))
    bent = mri.GradientSystem(nonlinearity=mri.GradientNonlinearity(cubic=(-0.7, -0.7, 0.0)))
    spike = mri.SpikesAt([[n // 2 + n // 5, n // 2 + n // 8, 0]], 0.3)
    slow = spin_echo(square, view, dwell=60e-6)
    folded, short = spin_echo((n, n // 2), (VIEW, VIEW / 2)), spin_echo((n, n // 3), (VIEW, VIEW))
    return [
        Artefact("chemical shift", "bandwidth of a pixel a sixth", still, slow, scanner()),
        Artefact("susceptibility", "EPI in the field of the sinuses", planar, planar, scanner(b0=air)),
        Artefact("N/2 ghost", "EPI, read-out gradient 3 µs late", planar, planar, scanner(gradients=late)),
        Artefact("motion", "the head nods by 3 mm every 5 s", still, still, scanner(), nodding(0.8 * n)),
        Artefact("fold-over", "half the field of view in phase", still, folded, scanner()),
        Artefact("truncation", "a third of the lines", still, short, scanner()),
        Artefact("spike", "one spark in k-space", still, still, scanner(spikes=spike)),
        Artefact("distortion", "gradients weaken outwards", still, still, scanner(gradients=bent)),
        Artefact("bands", "balanced, in the field of the sinuses", balanced, balanced, scanner(b0=air)),
        Artefact("shading", "transmit field as at 7 T", still, still, scanner(transmit=mri.DielectricSphere(
            permittivity=52.0 * (7 / FIELD) ** 2, conductivity=0.55 * 7 / FIELD))),
    ]  # fmt: skip


def nodding(seconds: float) -> mri.RigidMotion:
    """Back and forth along y, by 3 mm."""
    times = np.arange(0.0, seconds + 1.0, 0.5)
    way = np.zeros((len(times), 3))
    way[:, 1] = 1.5 * np.sin(2 * np.pi * times / 5.0)
    return mri.RigidMotion(times, np.zeros_like(way), way)


def image_of(patient: Phantom, sequence: mri.Sequence, scanner: mri.Scanner, motion=None) -> np.ndarray:
    """The magnitude image, folded and coarse ones on the grid of all others."""
    spins = mri.spins_in(patient, scanner, PER_VOXEL)
    moved = {} if motion is None else {"motion": motion}
    raw = mri.scan(patient, sequence, scanner, jax.random.key(1), spins=spins, **moved)
    return np.asarray(mri.reconstruct(raw))[..., 0]


def on_square(image: np.ndarray, n: int, full: bool) -> np.ndarray:
    """An image of fewer lines on n × n: with zeros in k-space, or, of half the view, in the middle."""
    if image.shape == (n, n):
        return image
    if not full:
        return np.pad(image, ((0, 0), (n // 4, n // 4)))
    lines = np.fft.fftshift(np.fft.fft(image, axis=1), axes=1)
    pad = n - image.shape[1]
    lines = np.pad(lines, ((0, 0), (pad // 2 + pad % 2, pad // 2)))
    return np.abs(np.fft.ifft(np.fft.ifftshift(lines, axes=1), axis=1)) * n / image.shape[1]


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    asked = fig.options(__doc__, arguments)
    n, spacing = (48, 5.0) if asked.quick else (96, 4.0)
    grid = fig.one_plane((VIEW, VIEW), VIEW / (2 * n), height=HEIGHT)
    patient = anatomy.head(grid, jax.random.key(7), age=45.0, sex="M")
    made, pairs, numbers = {}, [], {}
    for one in artefacts(n, field_of_air(spacing)):
        if id(one.without) not in made:
            made[id(one.without)] = image_of(patient, one.without, mri.Scanner(field=FIELD, noise=0.002))
        before = made[id(one.without)]
        image = image_of(patient, one.sequence, one.scanner, one.motion)
        after = on_square(image, n, full=one.name != "fold-over")
        pairs.append((one, before, after))
        numbers[f"{one.name}: change of the image [%]"] = 100 * float(
            np.linalg.norm(after - before) / np.linalg.norm(before)
        )
    hertz = FAT * 42.58 * FIELD
    numbers["fat moves, low bandwidth [pixel]"] = hertz * 60e-6 * n
    fig.tell(numbers, 1)
    draw(pairs, Grid((n, n, 1), (VIEW / n, VIEW / n, 5.0)), asked.out)
    return numbers


def draw(pairs: list[tuple[Artefact, np.ndarray, np.ndarray]], grid: Grid, folder: Path) -> None:
    """Five artefacts side by side in two rows; each without its cause above, with it below."""
    page = fig.page(
        14.2,
        12.4,
        "Artefacts and their causes",
        f"one slice at {FIELD:g} T   ·   without the cause above, with it below",
    )
    for number, (one, before, after) in enumerate(pairs):
        left, top = 0.34 + 2.74 * (number % 5), 0.95 + 5.7 * (number // 5)
        brightest = float(np.quantile(before, 1 - SIGNALS))
        show = lambda image, top, title, left=left, most=brightest: fig.image(
            page, (left, top, 2.56, 2.56), 100 * image / most, grid, (0.0, 110.0), title
        )
        panel = show(before, top, one.name.capitalize())
        if number == 0:
            fig.scale_bar(panel)
        panel = show(after, top + 2.62, "")
        panel.text(0, -0.06, one.cause, transform=panel.transAxes, color=fig.GREY, fontsize=8.5)
    fig.save(page, folder, "artefact_gallery")


if __name__ == "__main__":
    main()
