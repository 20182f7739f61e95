"""A Pulseq file of one's own through the scanner: k-space and the image of a brain slice.

Text files of version 1.2 to 1.5 and binary ones of 1.5.2 go, two-dimensional and Cartesian ones for an image. Without `--file`
the script writes one first, a multi-shot turbo spin echo, as another program would. The voxels of the brain are phase graphs, so
that spoilers dephase without remainder and no number of spins has to be chosen. `mri.plot(sequence)` draws what is played.

Look at: the order in which k-space is filled, whose middle belongs to the echo that makes the contrast; the image, whose contrast
is that of the file and of nothing else. Half a minute on two cores once compiled.

    python examples/own_pulseq_file.py [--file mine.seq] [--out figures] [--quick]
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import figure as fig
import jax
import numpy as np

from physim import mri
from physim_phantoms import Grid, anatomy

SCANNER = mri.Scanner(field=3.0, noise=0.01)


def written(path: Path, matrix: int) -> Path:
    """A Pulseq file to begin with."""
    sequence = mri.sequences.turbo_spin_echo(
        (matrix, matrix),
        (224.0, 224.0),
        te=96e-3,
        tr=3.0,
        echo_train=16,
        echo_spacing=12e-3,
        refocusing=np.radians(150.0),
        region=mri.sequences.Whole(),
        dwell=16e-6,
        dummies=1,
    )
    mri.write_pulseq(sequence, path)
    return path


def asked_file(arguments: Sequence[str] | None) -> tuple[Path | None, list[str]]:
    """`--file`, and what is left for the options that all examples share."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--file", type=Path)
    mine, rest = parser.parse_known_args(arguments)
    return mine.file, rest


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    file, rest = asked_file(arguments)
    asked = fig.options(__doc__, rest)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "mine.seq", 64 if asked.quick else 128) if file is None else file
        sequence = mri.read_pulseq(path)
        size = path.stat().st_size
    grid = fig.one_plane((216.0, 216.0), 216.0 / (64 if asked.quick else 128), height=8.0)
    patient = anatomy.brain(grid, jax.random.key(4), age=40.0, sex="F")
    voxels = mri.voxels_in(patient, SCANNER)
    graph = mri.configuration_graph(voxels, sequence, SCANNER)
    raw = mri.scan(patient, sequence, SCANNER, jax.random.key(3), spins=voxels)
    image = np.asarray(mri.reconstruct(raw))[..., 0]
    numbers = {
        "size of the file [kB]": size / 1e3,
        "blocks": float(len(sequence.blocks)),
        "duration of the scan [s]": sequence.duration,
        "samples": float(raw.samples.size),
        "configurations kept": float(graph.kept),
        "estimate of what they leave out [%]": 100 * float(graph.truncation_error),
    }
    fig.tell(numbers, 1)
    draw(sequence, image, raw.grid, asked.out)
    return numbers


def draw(sequence: mri.Sequence, image: np.ndarray, grid: Grid, folder: Path) -> None:
    """The image at the left, the samples in their order at the right."""
    page = fig.page(13.6, 7.4, "A Pulseq file, played", "phase graphs of a brain slice at 3 T")
    brightest = float(np.quantile(image, 0.99))
    panel = fig.image(page, (0.34, 0.95, 5.9, 5.9), 100 * image / brightest, grid, (0.0, 110.0), "Image")
    fig.scale_bar(panel)
    k = np.asarray(mri.kspace_of(sequence))[:, :2]
    space = fig.plot(
        page, (7.3, 1.1, 5.8, 5.3), "k-space, first samples bright", "kx, cycles/mm", "ky, cycles/mm"
    )
    step = max(1, len(k) // 4000)
    space.scatter(*k[::step].T, c=np.arange(len(k))[::step], s=2.0, cmap="YlOrBr_r", linewidths=0)
    space.set_aspect("equal")
    fig.save(page, folder, "own_pulseq_file")


if __name__ == "__main__":
    main()
