"""Samples of a sequence sorted into the matrix of a Cartesian image."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from physim_phantoms import Grid
from physim_phantoms._checks import InputError

from .sequence.blocks import Sequence
from .sequence.trajectory import kspace_of

ON_GRID = 1e-3  # of a step in k
COUNTERS = ("SLC", "PHS", "ECO", "REP", "SET", "AVG")  # of the labels, those that tell images apart


def image_grid(sequence: Sequence) -> Grid:
    """The image that a sequence encodes: its matrix over its field of view, centred on the scanner.

    A plane whose sequence says neither a third number of its FOV nor a "Thickness" is nominally 1 mm thick. Without "Matrix"
    it is what the samples span. Raises `ValueError` where `sequence.definitions` has no "FOV" (mm).
    """
    if "FOV" not in sequence.definitions:
        raise InputError(
            "the sequence does not say its FOV, which a Cartesian image needs: write mri.Sequence(list(sequence), "
            "{'Matrix': (128, 128), 'FOV': (256.0, 256.0)}), or take the samples from mri.simulate"
        )
    view = [float(length) for length in np.ravel(np.asarray(sequence.definitions["FOV"]))]
    if len(view) == 2:
        view = [*view, float(sequence.definitions.get("Thickness", 1.0))]  # type: ignore[arg-type]
    given = sequence.definitions.get("Matrix")
    matrix = _matrix_of(sequence, view) if given is None else [int(n) for n in np.ravel(np.asarray(given))]
    matrix = [*matrix, 1] if len(matrix) == 2 else matrix
    if len(view) != 3 or len(matrix) != 3:
        raise InputError(
            f"the sequence has the Matrix {tuple(matrix)} and the FOV {tuple(view)} mm; both must have two or three numbers: "
            "write mri.Sequence(list(sequence), {'Matrix': (128, 128), 'FOV': (256.0, 256.0)})"
        )
    return Grid(tuple(matrix), tuple(length / n for n, length in zip(matrix, view, strict=True)))  # type: ignore[arg-type]


def image_of(sequence: Sequence, patient: Grid) -> Grid:
    """The image that a sequence encodes of a patient: planes that excite everything are as thick as the patient's box."""
    image, said = image_grid(sequence), sequence.definitions
    if image.shape[2] > 1 or np.size(np.asarray(said["FOV"])) == 3 or "Thickness" in said:
        return image
    width, height, _ = np.asarray(image.spacing).tolist()
    return Grid(image.shape, (width, height, abs(patient.direction[2]) @ patient.extent))


def _matrix_of(sequence: Sequence, view: list[float]) -> list[int]:
    """The matrix that the samples span, where a file does not say it."""
    steps = kspace_of(sequence) * np.array(view)
    return [int(n) for n in np.round(np.ptp(steps, axis=0)).astype(int) + 1]


def places(sequence: Sequence, grid: Grid) -> Int[np.ndarray, "image cell"]:
    """For every image and every cell of the matrix, in C order, which sample belongs to it.

    Read-outs whose counters (`COUNTERS`) differ belong to images of their own: echoes, repetitions, slices. A part of a step by
    which all samples miss the points alike, as half of one where a read-out has its middle between two samples, is
    overlooked: it turns the phase of the image along an axis, and changes no magnitude. Raises `ValueError` where a sample
    lies between cells, beyond the matrix, or twice in one, or a cell stays empty.
    """
    steps = kspace_of(sequence) * np.asarray(grid.extent)
    encoded = 3 if grid.shape[2] > 1 else 2
    steps, shape = steps[:, :encoded], np.array(grid.shape[:encoded])
    steps = steps - _aside(steps)
    index = np.round(steps).astype(int) + shape // 2
    off = np.abs(steps - np.round(steps)).max(axis=1) > ON_GRID
    outside = np.any((index < 0) | (index >= shape), axis=1)
    for bad, why in ((off, "between the points of"), (outside, "outside")):
        if np.any(bad):
            first = int(np.argmax(bad))
            raise InputError(
                f"sample {first} at k = {tuple(np.round(steps[first], 3))} steps lies {why} the matrix {grid.shape}; "
                "a Cartesian reconstruction needs every sample on a point of its own: check Matrix and FOV"
            )
    cell = np.ravel_multi_index(tuple(index.T), tuple(shape))
    image = images_of(sequence)
    count = np.bincount(image * grid.size + cell, minlength=(image.max() + 1) * grid.size)
    if np.any(count != 1):
        first = int(np.argmax(count != 1))
        point = tuple(int(i) for i in np.unravel_index(first % grid.size, grid.shape))
        which = f" of image {first // grid.size}" if image.max() else ""
        raise InputError(
            f"point {point}{which} of the matrix {grid.shape} has {count[first]} samples; each needs exactly one"
        )
    return np.argsort(image * grid.size + cell).reshape(-1, grid.size)


def _aside(steps: np.ndarray) -> np.ndarray:
    """The part of a step by which samples miss the points of the matrix, along each axis: above −½ and up to ½."""
    turned = np.angle(np.exp(2j * np.pi * steps).mean(axis=0)) / (2 * np.pi)
    # Half a step may come as either of its signs by rounding; lines begin at −M/2, so that it is the one above.
    return np.where(turned < -0.5 + ON_GRID, turned + 1, turned)


def images_of(sequence: Sequence) -> Int[np.ndarray, " sample"]:
    """The image of every sample: images in the order of their counters, which are those of Pulseq's labels."""
    now = dict.fromkeys(COUNTERS, 0)
    found: list[tuple[int, ...]] = []
    length: list[int] = []
    for one in sequence:
        for kind in ("SET", "INC"):
            for label in one.labels:
                if label[0] == kind and label[1] in now:
                    now[label[1]] = label[2] if kind == "SET" else now[label[1]] + label[2]
        if one.adc is not None:
            found.append(tuple(now.values()))
            length.append(one.adc.samples)
    image = np.unique(np.array(found, int).reshape(-1, len(COUNTERS)), axis=0, return_inverse=True)[1]
    return np.repeat(image.ravel(), length)
