"""GRAPPA: missing samples as weighted sums of their acquired neighbours in all coils."""

from __future__ import annotations

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_range

from .checks import require_matrix
from .combine import Combination, RootSumOfSquares
from .fourier import coil_images
from .sampling import Triple, calibration_samples, regular_mask, require_acceleration

Offsets = tuple[Triple, ...]


class Grappa(eqx.Module):
    """Interpolation in k-space, with weights learnt in a fully sampled block about k = 0.

    Source: Griswold et al., Magn. Reson. Med. 47 (2002) 1202; weights by least squares with Tikhonov's term. Samples stand
    in the full matrix; those of `regular_mask(matrix, acceleration, calibration)` must have been acquired. No coil maps
    are needed, and acquired samples stay as they are.

    - `acceleration`: along each axis; static. - `calibration`: edges of the block, in lines; static.
    - `kernel`: acquired neighbours along each axis; static. - `tikhonov`: as a share of the mean square of the sources.
    - `combination`: of the coils' images.

    Raises `ValueError` for NaN, matrices that the acceleration does not divide, and a block that was not acquired or is too
    small for the kernel. Good values: `Grappa((1, 2, 1), calibration=(128, 24, 1))`, the block as long as the matrix along
    the read-out; `kernel=(5, 4, 1)`, along z (1, 4, 4) in three dimensions.
    """

    acceleration: Triple = eqx.field(static=True)
    calibration: Triple = eqx.field(static=True)
    kernel: Triple = eqx.field(static=True, default=(5, 4, 1))
    tikhonov: float | Float[Array | np.ndarray, ""] = 1e-4
    combination: Combination = RootSumOfSquares()

    def __check_init__(self):
        if len(self.kernel) != 3 or any(not isinstance(n, int) or n < 1 for n in self.kernel):
            raise InputError(
                f"kernel is {self.kernel}; it must be three whole numbers of neighbours, like (5, 4, 1)"
            )
        require_range("tikhonov", self.tikhonov, 0.0, 1.0)

    def image(self, samples: Complex[Array, "coil kx ky kz"], grid: Grid) -> Complex[Array, "x y z"]:
        """The combined image of the completed k-space."""
        return self.combination.combine(coil_images(self.complete(samples, grid), grid))

    def complete(
        self, samples: Complex[Array, "coil kx ky kz"], grid: Grid
    ) -> Complex[Array, "coil kx ky kz"]:
        """K-space with the missing samples filled in."""
        require_matrix(samples, grid)
        require_acceleration(grid.shape, self.acceleration)
        samples = jnp.asarray(samples)
        block = calibration_samples(samples, self.calibration)
        self._require_patches(samples.shape[0])
        return _complete(self, samples, block)

    def _require_patches(self, coils: int) -> None:
        """Refuses blocks in which the kernel has fewer places than weights."""
        spans = [_span(_sources(self, target)) for target in _targets(self.acceleration)]
        places = min(
            (math.prod(max(0, n - w) for n, w in zip(self.calibration, span, strict=True)) for span in spans),
            default=np.inf,
        )
        weights = coils * math.prod(self.kernel)
        if places < weights:
            raise InputError(
                f"calibration {self.calibration} has {places} places for the kernel {self.kernel}, which has {weights} weights "
                f"per coil; it must have at least as many: acquire a larger block, or write a smaller kernel"
            )


@jax.jit
def _complete(method: Grappa, samples, block):
    matrix = samples.shape[1:]
    first = [(m // 2) % r for m, r in zip(matrix, method.acceleration, strict=True)]
    shifted = jnp.roll(samples, [-n for n in first], (1, 2, 3))
    x, y, z = method.acceleration
    lattice = shifted[:, ::x, ::y, ::z]
    parts = {(0, 0, 0): lattice}
    for target in _targets(method.acceleration):
        sources = _sources(method, target)
        parts[target] = _interpolated(
            lattice, sources, method.acceleration, target, _weights(method, block, sources)
        )
    full = jnp.roll(_interleaved(parts, method.acceleration), first, (1, 2, 3))
    acquired = regular_mask(matrix, method.acceleration, method.calibration)
    return jnp.where(acquired, samples, full)


def _targets(acceleration: Triple) -> list[Triple]:
    """Places in a cell of the lattice that are not acquired."""
    return [place for place in itertools.product(*map(range, acceleration)) if any(place)]  # type: ignore[misc]


def _sources(method: Grappa, target: Triple) -> Offsets:
    """Where the acquired neighbours of a missing sample lie, in samples from it: the nearest ones, as many on each side."""
    axes = []
    for count, step, place in zip(method.kernel, method.acceleration, target, strict=True):
        near = range(-count, count + 2)
        offsets = sorted((step * n - place for n in near), key=lambda offset: (abs(offset), -offset))[:count]
        axes.append(sorted(offsets))
    return tuple(itertools.product(*axes))  # type: ignore[return-value]


def _span(sources: Offsets) -> tuple[int, int, int]:
    """How far the neighbours reach along each axis, the missing sample included."""
    points = np.array([*sources, (0, 0, 0)])
    x, y, z = (int(n) for n in points.max(0) - points.min(0))
    return x, y, z


def _weights(method: Grappa, block, sources: Offsets) -> Complex[Array, "source coil"]:
    """Least squares over all places of the block at which the target and its neighbours lie inside."""
    points = np.array([*sources, (0, 0, 0)])
    low, high = points.min(0), points.max(0)
    size = [n - (h - w) for n, w, h in zip(block.shape[1:], low, high, strict=True)]

    def at(offset):
        starts = [o - w for o, w in zip(offset, low, strict=True)]
        return block[(slice(None), *(slice(s, s + n) for s, n in zip(starts, size, strict=True)))]

    matrix = jnp.concatenate([at(source) for source in sources]).reshape(len(sources) * block.shape[0], -1)
    wanted = at((0, 0, 0)).reshape(block.shape[0], -1)
    gram = jnp.conj(matrix) @ matrix.T
    mean = jnp.trace(gram).real / len(gram)
    # Never below rounding, so that the factors exist.
    share = jnp.asarray(method.tikhonov, mean.dtype) + len(gram) * jnp.finfo(mean.dtype).eps
    damped = gram + share * mean * jnp.eye(len(gram), dtype=gram.dtype)
    # Not `solve(assume_a="pos")`: its derivative takes a Hermitian matrix for a symmetric one.
    factor = jax.scipy.linalg.cho_factor(damped, lower=True)
    return jax.scipy.linalg.cho_solve(factor, jnp.conj(matrix) @ wanted.T)


def _interpolated(lattice, sources: Offsets, acceleration: Triple, target: Triple, weights):
    """The samples at `target` of every cell; neighbours beyond the edge of k-space count as zero."""
    steps = (np.array(sources) + np.array(target)) // np.array(acceleration)
    reach = np.abs(steps).max(0)
    padded = jnp.pad(lattice, [(0, 0), *((int(n), int(n)) for n in reach)])
    coils, *size = lattice.shape
    total = jnp.zeros_like(lattice)
    for number, step in enumerate(steps):
        start = reach + step
        moved = padded[(slice(None), *(slice(int(s), int(s) + n) for s, n in zip(start, size, strict=True)))]
        own = weights[number * coils : (number + 1) * coils]
        total = total + jnp.einsum("cd,cxyz->dxyz", own, moved)
    return total


def _interleaved(parts: dict[Triple, Array], acceleration: Triple):
    """Cells of samples as one matrix."""
    cells = jnp.stack([parts[place] for place in itertools.product(*map(range, acceleration))])  # type: ignore[index]
    _, coils, *size = cells.shape
    split = cells.reshape(*acceleration, coils, *size).transpose(3, 4, 0, 5, 1, 6, 2)
    return split.reshape(coils, *(r * n for r, n in zip(acceleration, size, strict=True)))
