"""SENSE: unfolding of regularly undersampled images by the coils' sensitivities."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_range, require_shape

from .checks import require_coils, require_covariance, require_matrix, require_sensitivities
from .fourier import coil_images, square_norm
from .sampling import Triple, regular_mask, require_acceleration
from .whitening import Covariance, whitened


class Sense(eqx.Module):
    """Least-squares unfolding: R voxels that lie on top of each other are told apart by the coils.

        m = (Sᴴ Ψ⁻¹ S + λ)⁻¹ Sᴴ Ψ⁻¹ y        for every set of R voxels that fold together

    Source: Pruessmann et al., Magn. Reson. Med. 42 (1999) 952. Samples stand in the full matrix, those of `regular_mask`
    are used. Noise of the image is `g_factor` √R times that of the full matrix.

    - `sensitivities`: voxels in which all coils are 0 are taken to be empty, which helps their partners.
    - `acceleration`: along each axis; static. - `noise_covariance`: Ψ; the identity unless given.
    - `tikhonov`: λ, as a share of the largest Σ|S|²; a little lowers noise where g is large, at the price of folding.

    Raises `ValueError` for NaN, coil or matrix mismatch, more folds than coils, and folds that the coils cannot tell apart.
    Good values: `Sense(maps, (1, 2, 1))`; λ = 0, or 1e-3 for accelerations near the number of coils.
    """

    sensitivities: Complex[Array | np.ndarray, "coil x y z"]
    acceleration: Triple = eqx.field(static=True)
    noise_covariance: Covariance | None = None
    tikhonov: float | Float[Array | np.ndarray, ""] = 0.0

    def __check_init__(self):
        require_sensitivities(self.sensitivities)
        coils, x, y, z = self.sensitivities.shape
        require_acceleration((x, y, z), self.acceleration)
        folds = math.prod(self.acceleration)
        if folds > coils:
            raise InputError(
                f"acceleration {self.acceleration} folds {folds} voxels together, which {coils} coils cannot resolve; the "
                f"product must be at most {coils}: write a lower acceleration, or CompressedSensing"
            )
        if self.noise_covariance is not None:
            require_covariance(self.noise_covariance, coils)
        require_range("tikhonov", self.tikhonov, 0.0, 1.0)

    def image(self, samples: Complex[Array, "coil kx ky kz"], grid: Grid) -> Complex[Array, "x y z"]:
        """The unfolded image."""
        require_matrix(samples, grid)
        require_coils("samples", samples.shape[0], self.sensitivities.shape[0])
        require_shape("sensitivities", self.sensitivities, (self.sensitivities.shape[0], *grid.shape))
        made = _unfold(self, jnp.asarray(samples), grid)
        self._require_resolved(made)
        return made

    def g_factor(self) -> Float[Array, "x y z"]:
        """Noise amplification by the unfolding, √([(SᴴΨ⁻¹S)⁻¹]ᵢᵢ [SᴴΨ⁻¹S]ᵢᵢ), 0 where no coil sees; at least 1 if λ = 0."""
        made = _g_factor(self)
        self._require_resolved(made)
        return made

    def _require_resolved(self, image) -> None:
        if is_concrete(image) and not np.all(np.isfinite(image)):
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(np.asarray(image)))[0])
            raise InputError(
                f"voxel {first} and those folded onto it look alike to all coils at acceleration {self.acceleration}; "
                "undersample along the axis along which the sensitivities differ, or write tikhonov=1e-3"
            )


@jax.jit
def _unfold(method: Sense, samples, grid: Grid):
    mask = regular_mask(grid.shape, method.acceleration)
    images = coil_images(jnp.where(mask, samples, 0), grid) * math.prod(method.acceleration)
    maps = jnp.asarray(method.sensitivities, samples.dtype)
    if method.noise_covariance is not None:
        images, maps = (whitened(array, method.noise_covariance) for array in (images, maps))
    # Folded images repeat themselves R times: one copy says all.
    aliased = _stacked(images, method.acceleration)[:, 0]
    gram, _, stacked = _normal_matrix(maps, method)
    matched = jnp.einsum("cf...,c...->...f", jnp.conj(stacked), aliased)
    factor = _factor(gram)
    solve = jax.scipy.linalg.cho_solve
    image = solve((factor, True), matched[..., None])
    # One step of refinement: normal equations square the condition number.
    left = matched[..., None] - gram @ image
    return _unstacked(jnp.moveaxis((image + solve((factor, True), left))[..., 0], -1, 0), method.acceleration)


@jax.jit
def _g_factor(method: Sense):
    maps = jnp.asarray(method.sensitivities)
    if method.noise_covariance is not None:
        maps = whitened(maps, method.noise_covariance)
    gram, plain, _ = _normal_matrix(maps, method)
    eye = jnp.broadcast_to(jnp.eye(gram.shape[-1], dtype=gram.dtype), gram.shape)
    inverse = jax.scipy.linalg.cho_solve((_factor(gram), True), eye)
    variance = jnp.einsum("...ij,...jk,...ki->...i", inverse, plain, inverse).real
    own = jnp.diagonal(plain, axis1=-2, axis2=-1).real
    g = jnp.sqrt(jnp.maximum(variance * own, 0))
    return _unstacked(jnp.moveaxis(g, -1, 0), method.acceleration)


def _normal_matrix(maps, method: Sense):
    """SᴴS + λ of every set of folded voxels, the same without λ, and the maps stacked by fold."""
    stacked = _stacked(maps, method.acceleration)
    plain = jnp.einsum("cf...,cg...->...fg", jnp.conj(stacked), stacked)
    power = jnp.moveaxis(jnp.sum(square_norm(stacked), axis=0), 0, -1)
    damping = jnp.asarray(method.tikhonov, power.dtype) * jnp.max(power)
    # A 1 on the diagonal of empty voxels takes them out of the equations without making these singular.
    diagonal = damping + jnp.where(power > 0, 0, 1)
    gram = plain + diagonal[..., None] * jnp.eye(plain.shape[-1], dtype=plain.dtype)
    return gram, plain, stacked


def _factor(gram):
    """Cholesky factors; NaN where rounding alone keeps the matrix from being singular."""
    factor = jnp.linalg.cholesky(gram)
    own, diagonal = (jnp.diagonal(matrix, axis1=-2, axis2=-1).real for matrix in (factor, gram))
    told_apart = jnp.all(own**2 > 30 * jnp.finfo(own.dtype).eps * diagonal, axis=-1)
    return jnp.where(told_apart[..., None, None], factor, jnp.nan)


def _stacked(images, acceleration: Triple):
    """[coil x y z] as [coil fold x' y' z'], the folds being the voxels a reduced field of view apart."""
    coils, *matrix = images.shape
    split = [n for m, r in zip(matrix, acceleration, strict=True) for n in (r, m // r)]
    folded = images.reshape(coils, *split).transpose(0, 1, 3, 5, 2, 4, 6)
    return folded.reshape(coils, -1, *folded.shape[4:])


def _unstacked(image, acceleration: Triple):
    """[fold x' y' z'] as [x y z]."""
    reduced = image.shape[1:]
    split = image.reshape(*acceleration, *reduced).transpose(0, 3, 1, 4, 2, 5)
    return split.reshape(*(r * n for r, n in zip(acceleration, reduced, strict=True)))
