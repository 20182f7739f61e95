"""T1 and T2 of spheres whose times are known, from played inversion recoveries and spin echoes.

What would spoil 1 %, and how it is kept away:

- Truncation lets the bright water ring into spheres that are dark: k-space is weighted by a Hann window.
- In a train of echoes magnetisation is stored along z during each refocusing pulse and decays with T1 there, and slices'
  edges make stimulated echoes: every echo time has its own excitation, with one refocusing pulse.
- What recovers after that pulse depends on TE: TR is five times the longest T1.
- Crushers and read-outs weight by diffusion, for longer the longer TE (half a per cent of the longest T2): b of every
  echo time follows from the gradients, and the known diffusion of water is taken out.
- An inversion is not perfect where T2 is as short as the pulse: amplitude and offset of a recovery are fitted as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Complex, Float, PRNGKeyArray

from physim import mri
from physim_phantoms import TISSUES, Grid, Phantom, Tissue, qa

from .qa_mri_window import noise_gain, windowed
from .qa_report import Measured
from .recipe_qa_mri import QaMriRecipe

VIEW = 208.0  # mm
_HEIGHT = {"t1": -20.0, "t2": 20.0}  # mm, of the two arrays
_CORE, _SHOWN = 4.5, 6.5  # mm, radius of what is averaged and of what is shown of a sphere
_READ = 1.024e-3  # s, of a line
_PULSE, _BANDWIDTH = 1.2e-3, 3.0  # s and its product with bandwidth: short, for the shortest T2
_ECHO = 8e-3  # s, of an inversion recovery
_FITTED = 6  # echo times of a fit
_SEEN = 0.1  # of the first echo: later ones of a sphere are noise and its surroundings


def measure_t1(recipe: QaMriRecipe, scanner: mri.Scanner, key: PRNGKeyArray) -> Measured:
    """T1 of fourteen spheres from an inversion recovery; the map in ms."""
    asked = recipe.relaxometry
    sequences = [
        _spin_echo(recipe, _ECHO, asked.inversion_tr, mri.sequences.Inversion(ti), dummies=1)
        for ti in asked.inversion_times
    ]
    images, grid = _images(recipe, "t1", sequences, scanner, key)
    times = np.array(asked.inversion_times)
    spheres = cores(grid, "t1")
    means = np.stack([images[:, core].mean(axis=1) for core in spheres.values()], axis=1)
    fitted = mri.maps.inversion_recovery(signed(means), times, mri.maps.Signed())
    seen = _within(grid, "t1", _SHOWN)
    shown = mri.maps.inversion_recovery(signed(images[:, seen]), times, mri.maps.Signed())
    return _measured("t1", grid, np.asarray(fitted.t1), _map(seen, shown.t1), scanner)


def measure_t2(recipe: QaMriRecipe, scanner: mri.Scanner, key: PRNGKeyArray) -> Measured:
    """T2 of fourteen spheres from single spin echoes, free of diffusion; the map in ms."""
    asked = recipe.relaxometry
    sequences = [_spin_echo(recipe, te, asked.echo_tr) for te in asked.echo_times]
    images, grid = _images(recipe, "t2", sequences, scanner, key)
    times = np.array(asked.echo_times)
    b_values = np.array([np.trace(mri.b_matrix(sequence)) for sequence in sequences])
    images = images * np.exp(b_values * float(TISSUES["water"].value("diffusivity")))[:, None, None, None]
    means = [np.abs(images[:, core].mean(axis=1)) for core in cores(grid, "t2").values()]
    found = np.array([decay_time(mean, times) for mean in means])
    floor = float(scanner.image_noise(grid.voxel_volume)) * noise_gain(recipe.images.matrix)
    seen = _within(grid, "t2", _SHOWN)
    shown = mri.maps.decay(np.abs(images[:, seen]).astype(np.float32), times, noise=floor)
    return _measured("t2", grid, found, _map(seen, shown.time), scanner)


def decay_time(magnitudes: Float[np.ndarray, " echo"], times: Float[np.ndarray, " echo"]) -> float:
    """T2 (s) from the echoes that are above a tenth of the first, and at least from the first six."""
    seen = max(_FITTED, int(np.argmin(np.append(magnitudes > _SEEN * magnitudes[0], False))))
    chosen = np.round(np.linspace(0, seen - 1, _FITTED)).astype(int)
    return float(mri.maps.decay(magnitudes[chosen].astype(np.float32), times[chosen]).time)


def signed(images: Complex[np.ndarray, "time *many"]) -> Float[np.ndarray, "time *many"]:
    """The real part of images once the phase of the last, which has recovered, is taken out."""
    reference = images[-1]
    return (images * np.conj(reference) / np.maximum(np.abs(reference), 1e-12)).real.astype(np.float32)


def cores(grid: Grid, array: str) -> dict[str, np.ndarray]:
    """For each sphere of an array the voxels in its middle, by name."""
    places = np.asarray(grid.centres())[..., :2]
    return {
        tissue.name: np.hypot(*np.moveaxis(places - centre[:2], -1, 0)) <= _CORE
        for tissue, centre in _spheres(array)
    }


def planned_hours(recipe: QaMriRecipe) -> float:
    """How long both series would take on a scanner."""
    asked, lines = recipe.relaxometry, recipe.images.matrix
    recoveries = len(asked.inversion_times) * asked.inversion_tr * (lines + 1)
    return (recoveries + len(asked.echo_times) * asked.echo_tr * lines) / 3600


def _spin_echo(recipe: QaMriRecipe, te: float, tr: float, preparation: Any = None, dummies: int = 0):
    count = recipe.images.matrix
    return mri.sequences.spin_echo(
        (count, count),
        (VIEW, VIEW),
        te,
        tr,
        region=mri.sequences.Slice(recipe.images.thickness, _PULSE, _BANDWIDTH),
        dwell=round(_READ / count, 7),
        preparation=preparation,
        crushers=2.0,
        dummies=dummies,
    )


def _images(
    recipe: QaMriRecipe,
    array: str,
    sequences: Sequence[mri.Sequence],
    scanner: mri.Scanner,
    key: PRNGKeyArray,
):
    """Complex images of one array, time by time, and their grid where the array is."""
    plane, made = _plane(recipe, array), []
    for sequence, own in zip(sequences, jax.random.split(key, len(sequences)), strict=True):
        raw = mri.scan_tissues(plane, sequence, scanner, own, recipe.images.spins)
        made.append(np.asarray(mri.reconstruct_complex(windowed(raw)))[0])
    return np.stack(made), mri.same_box(plane.grid, made[0].shape)


def _plane(recipe: QaMriRecipe, array: str) -> Phantom:
    """One array and its water, in voxels half as wide as those of the images and three to a slice."""
    count, thick = 2 * recipe.images.matrix, recipe.images.thickness
    edge = -(VIEW - VIEW / count) / 2
    grid = Grid(
        (count, count, 3), (VIEW / count, VIEW / count, thick / 3), (edge, edge, _HEIGHT[array] - thick / 3)
    )
    water, *spheres = qa.mri_spheres_parts()
    return qa.assemble(grid, [water, *(part for part in spheres if _is_of(part[0], array))])


def _is_of(tissue: object, array: str) -> bool:
    return isinstance(tissue, Tissue) and tissue.name.startswith(array)


def _spheres(array: str) -> list[tuple[Tissue, np.ndarray]]:
    """Tissue and centre of each sphere."""
    return [
        (tissue, np.asarray(shape.centre))  # type: ignore[reportAttributeAccessIssue]
        for tissue, shape in qa.mri_spheres_parts()
        if isinstance(tissue, Tissue) and _is_of(tissue, array)
    ]


def _within(grid: Grid, array: str, radius: float) -> np.ndarray:
    places = np.asarray(grid.centres())[..., :2]
    away = [np.hypot(*np.moveaxis(places - centre[:2], -1, 0)) for _, centre in _spheres(array)]
    return np.min(away, axis=0) <= radius


def _map(seen: np.ndarray, values: Any) -> np.ndarray:
    """An image of values in the voxels that were fitted, 0 elsewhere."""
    image = np.zeros(seen.shape, np.float32)
    image[seen] = np.asarray(values)
    return image


def _measured(array: str, grid: Grid, found: np.ndarray, shown: np.ndarray, scanner: mri.Scanner) -> Measured:
    """Every sphere beside the truth, and the map."""
    rows = {}
    for (tissue, _), core, time in zip(_spheres(array), cores(grid, array).values(), found, strict=True):
        true = float(tissue.value(array, scanner.field))
        rows[tissue.name] = {
            "true_ms": round(1e3 * true, 3),
            "measured_ms": round(1e3 * float(time), 3),
            "error_percent": round(100 * (float(time) / true - 1), 3),
            "spread_percent": round(100 * float(np.std(shown[core])) / true, 3),
            "voxels": int(core.sum()),
        }
    worst = max(abs(row["error_percent"]) for row in rows.values())
    values = {array: {"spheres": rows, "largest_error_percent": worst}}
    return Measured(f"{array}_map", np.float32(1e3) * shown, grid, values)
