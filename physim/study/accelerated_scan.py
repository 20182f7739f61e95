"""The acquisition of one case: coils round the head, their noise, every sample, and which of them are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Complex, Float, PRNGKeyArray

from physim import mri
from physim_phantoms import Grid, Phantom

from .draws import named_key
from .recipe_accelerated import AcceleratedMriRecipe, Sampling
from .recipe_glioma import GradientEcho

_STAND_OFF = 20.0  # mm from the sides of the box to the loops
_CONDUCTIVITY = 0.6  # S/m, of a head at 64 to 128 MHz as a whole
_NOISE_VOXEL = (
    8.0  # mm: fields of loops this far away are smooth, so that the noise they pick up needs no finer grid
)


@dataclass(frozen=True)
class Lines:
    """Phase-encoding lines: which were acquired, and which of these are the fully sampled centre."""

    acquired: Bool[np.ndarray, " ky"]
    centre: Bool[np.ndarray, " ky"]


@dataclass(frozen=True)
class Acquisition:
    """What was measured, and the truth behind it.

    - `raw`: all samples of all coils. - `truth`: noise-free signal. - `body`: where tissue is. - `maps`: true sensitivities.
    - `covariance`: of the coils' noise, relative to `deviation` squared, that of a uniform coil's image.
    """

    raw: mri.KSpace
    lines: Lines
    truth: Float[np.ndarray, "x y z"]
    body: Bool[np.ndarray, "x y z"]
    maps: Complex[np.ndarray, "coil x y z"]
    covariance: Complex[np.ndarray, "coil coil"]
    deviation: float
    sequence: Any

    @property
    def grid(self) -> Grid:
        """Of the images."""
        return self.raw.grid

    @property
    def seen(self) -> Complex[np.ndarray, "coil x y z"]:
        """Sensitivities where tissue is, 0 in air: wires beside the head's box would outweigh everything."""
        return np.where(self.body, self.maps, np.zeros((), self.maps.dtype))

    @property
    def samples(self) -> Complex[np.ndarray, "coil kx ky kz"]:
        """All of them."""
        return np.asarray(self.raw.samples)

    @property
    def kept(self) -> Complex[np.ndarray, "coil kx ky kz"]:
        """The same samples where lines were acquired, 0 elsewhere."""
        return np.where(self.lines.acquired[:, None], self.samples, np.zeros((), self.samples.dtype))


def acquire(
    recipe: AcceleratedMriRecipe, patient: Phantom, key: PRNGKeyArray, numbers: Mapping[str, float]
) -> Acquisition:
    """Scans the whole box in three dimensions, and chooses the lines of the undersampled data."""
    receive = _array(recipe.scanner.coils, patient.grid)
    covariance = _body_noise(receive, patient, numbers["scanner.coil_noise"])
    scanner = mri.Scanner(
        field=numbers["scanner.field"],
        noise=numbers["scanner.noise"],
        receive=receive,
        noise_covariance=covariance,
    )
    sequence = _sequence(recipe)
    raw = mri.scan(patient, sequence, scanner, named_key(key, "noise"))
    return Acquisition(
        raw=raw,
        lines=choose_lines(recipe.sampling, raw.grid.shape[1], named_key(key, "sampling")),
        truth=np.asarray(mri.signal_map(patient, sequence, scanner)),
        body=np.asarray(patient.fraction("air")) < 1,
        maps=np.asarray(mri.sensitivity_maps(receive, raw.grid)),
        covariance=np.asarray(covariance.values),
        deviation=float(scanner.image_noise(raw.grid.voxel_volume)),
        sequence=sequence,
    )


def choose_lines(sampling: Sampling, count: int, key: PRNGKeyArray) -> Lines:
    """The centre, and outside it every so-many-th line, that of k = 0 in step; or as many drawn at random."""
    number = np.arange(count)
    first = count // 2 - sampling.centre_lines // 2
    centre = (number >= first) & (number < first + sampling.centre_lines)
    if sampling.pattern == "regular":
        return Lines(centre | (number % sampling.acceleration == count // 2 % sampling.acceleration), centre)
    outside = np.flatnonzero(~centre)
    order = np.asarray(jax.random.permutation(key, len(outside)))
    drawn = outside[order[: max(1, round(len(outside) / sampling.acceleration))]]
    return Lines(centre | np.isin(number, drawn), centre)


def sliced(
    samples: Complex[np.ndarray, "coil kx ky kz"], grid: Grid
) -> Complex[np.ndarray, "slice coil kx ky"]:
    """K-space of every slice of a 3-D scan: the inverse transform along kz at the centre of each plane of voxels.

    In signal times mm³ of a slice as thick as a voxel, so that its 2-D image is that plane of the 3-D image.
    """
    planes = grid.shape[2]
    steps = np.arange(planes) - planes // 2
    # The first plane lies (planes − 1) / 2 voxels below the middle of the box, from which k-space is counted.
    ramp = np.exp(-2j * np.pi * steps * ((planes - 1) / 2) / planes).astype(samples.dtype)
    images = np.fft.ifft(np.fft.ifftshift(samples * ramp, axes=3), axis=3).astype(samples.dtype)
    return np.ascontiguousarray(np.moveaxis(images, 3, 0))


def _array(count: int, grid: Grid) -> mri.Loops:
    """A head array round the box."""
    half = np.asarray(grid.extent) / 2 + _STAND_OFF
    loops = mri.head_array(count, (float(half[0]), float(half[1]), float(half[2])))
    moved = loops.centre + np.asarray(grid.centre, loops.centre.dtype)
    return eqx.tree_at(lambda made: made.centre, loops, moved)


def _body_noise(receive: mri.Loops, patient: Phantom, own: float) -> mri.NoiseCovariance:
    """Noise of a conducting head in the loops, by every so-many-th voxel."""
    grid, air = patient.grid, np.asarray(patient.fraction("air"))
    spacing = np.asarray(grid.spacing)
    step = max(1, round(_NOISE_VOXEL / float(spacing[0])))
    body = (1 - air[::step, ::step, ::step]) * np.float32(_CONDUCTIVITY)
    x, y, z = body.shape
    coarse = Grid((x, y, z), spacing * step, np.asarray(grid.origin), np.asarray(grid.direction))
    return mri.body_noise(receive, coarse, np.clip(body, 0, None), own)


def _sequence(recipe: AcceleratedMriRecipe) -> mri.SpoiledGradientEcho | mri.SpinEcho:
    timing = getattr(recipe.sequences, recipe.sequences.contrast)
    if isinstance(timing, GradientEcho):
        return mri.SpoiledGradientEcho(timing.tr, timing.te, timing.flip_angle)
    return mri.SpinEcho(timing.tr, timing.te)
