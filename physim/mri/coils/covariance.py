"""Thermal noise of several coils: how they share it."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from .loop_field import relative_potential
from .receive import Loops


class Covariance(eqx.Module):
    """How the noise of coils hangs together, relative to the variance that `Scanner.noise` gives one uniform coil."""

    @abstractmethod
    def matrix(self, count: int) -> Float[Array, "coil coil"] | Complex[Array, "coil coil"]:
        """Ψ with Ψ_ij = E[n_i conj(n_j)] for so many coils; refuses another number than it was made for."""


class Uncorrelated(Covariance):
    """Every coil has noise of its own, all of one level."""

    def matrix(self, count: int) -> Float[Array, "coil coil"]:
        """The identity."""
        return jnp.eye(count)


class NoiseCovariance(Covariance):
    """A given covariance Ψ_ij = E[n_i conj(n_j)], relative to the noise of one uniform coil.

    Raises `ValueError` for a matrix that is not square, not Hermitian, not positive definite, or not finite.

    Good values: measured noise with a diagonal near 1, or `mri.body_noise(array, grid, conductivity)`.
    """

    values: Complex[Array, "coil coil"]

    def __init__(self, values):
        made = jnp.asarray(values)
        if made.ndim != 2 or made.shape[0] != made.shape[1] or not made.shape[0]:
            raise InputError(f"the noise covariance has shape {made.shape}; it must be (coils, coils)")
        require_finite("the noise covariance", made)
        _refuse_indefinite(made)
        self.values = made.astype(jnp.result_type(made.dtype, jnp.complex64))

    def matrix(self, count: int) -> Complex[Array, "coil coil"]:
        """Ψ as given."""
        if count != self.values.shape[0]:
            raise InputError(
                f"the noise covariance is for {self.values.shape[0]} coils, but there are {count}; "
                "it needs a row for each coil of scanner.receive"
            )
        return self.values


def _refuse_indefinite(made) -> None:
    if not is_concrete(made):
        return
    matrix = np.asarray(made, np.complex128)
    size = np.abs(matrix).max()
    skew = np.abs(matrix - matrix.conj().T)
    if skew.max() > 1e-5 * size:
        row, column = (int(i) for i in np.unravel_index(int(skew.argmax()), skew.shape))
        raise InputError(
            f"the noise covariance is not Hermitian: [{row}, {column}] is {matrix[row, column]:g} and "
            f"[{column}, {row}] {matrix[column, row]:g}; write (psi + psi.conj().T) / 2 if that is rounding"
        )
    lowest = float(np.linalg.eigvalsh(matrix).min())
    if lowest <= 1e-6 * size:
        raise InputError(
            f"the noise covariance has the eigenvalue {lowest:g}; all must be above 0 (and above 1e-6 of the largest "
            "entry): add a coil's own noise, psi + 0.01 * numpy.eye(coils)"
        )


def coloured_noise(
    key: PRNGKeyArray, covariance: Covariance, count: int, shape: tuple[int, ...], dtype
) -> Complex[Array, "coil *sample"]:
    """Complex Gaussian noise; real and imaginary parts of coil c have variance Ψ_cc each. Equal keys give equal bits.

    White noise n times the lower Cholesky factor L of Ψ = L Lᴴ. Good values: `scan` calls this.
    """
    parts = jax.random.normal(key, (2, count, *shape), dtype)
    white = jax.lax.complex(parts[0], parts[1])
    # Uncorrelated noise needs no product: its bits are those that one coil always had.
    return white if isinstance(covariance, Uncorrelated) else _times(_factor(covariance, count, white), white)


def body_noise(
    receive: Loops, grid: Grid, conductivity: Float[Array | np.ndarray, "x y z"], own: float = 0.1
) -> NoiseCovariance:
    """Noise covariance of loops near a conducting body, conductivity in S/m on a grid.

        Ψ_ij ∝ Σ σ(r) E_i(r)·conj(E_j(r)) ΔV,    E = −iω A

    Roemer et al., Magn. Reson. Med. 16 (1990) 192, eq. 3. A is the loops' vector potential in free space: what charges
    on surfaces between tissues add to E is left out. The mean of the diagonal is 1, of which the share `own` is noise of
    the coils themselves, alike in all.
    Raises `ValueError` for a map of another shape, negative or all zero.

    Good values: σ of 0.5 to 0.7 S/m inside the body at 1.5 to 3 T; own 0.1 (0.5 for small loops at low field).
    """
    require_shape("conductivity", conductivity, grid.shape)
    require_range("conductivity", conductivity, 0.0, 1e8, "S/m")
    require_range("own", own, 0.0, 1.0)
    if is_concrete(conductivity) and not np.any(np.asarray(conductivity) > 0):
        raise InputError("conductivity is 0 everywhere; a body that makes noise conducts: write 0.6 in it")
    dtype = receive.centre.dtype
    place = jnp.asarray(grid.centres(), dtype).reshape(grid.shape[0], -1, 3)
    weight = jnp.asarray(conductivity, dtype).reshape(grid.shape[0], -1)

    def of_plane(plane):
        position, sigma = plane
        field = relative_potential(position, receive.centre, receive.normal, receive.radius)
        return jnp.einsum("acn,adn,n->cd", field, field, sigma, precision=jax.lax.Precision.HIGHEST)

    total = jnp.sum(jax.lax.map(of_plane, (place, weight)), axis=0)
    psi = receive.current[:, None] * total * jnp.conj(receive.current)[None]
    psi = psi / jnp.mean(jnp.diagonal(psi).real)
    return NoiseCovariance((1 - own) * psi + own * jnp.eye(receive.count))


def _factor(covariance: Covariance, count: int, like) -> Array:
    return jnp.linalg.cholesky(covariance.matrix(count).astype(like.dtype))


def _times(factor, values):
    flat = values.reshape(values.shape[0], -1)
    return jnp.matmul(factor, flat, precision=jax.lax.Precision.HIGHEST).reshape(values.shape)
