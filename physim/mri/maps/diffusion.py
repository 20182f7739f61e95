"""Apparent diffusion coefficient and diffusion tensor from diffusion-weighted magnitudes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from .checks import inside, require_not_negative, require_signals
from .decay import exponential_start
from .least_squares import fit

STEPS = 8
UNIT = 1e-3  # mm²/s: tensors are fitted in it, so that float32 has no small numbers


class Diffusion(eqx.Module):
    """S0 and the apparent diffusion coefficient, mm²/s; 0 outside the mask."""

    unweighted: Float[Array, "*voxels"]
    adc: Float[Array, "*voxels"]


class DiffusionTensor(eqx.Module):
    """S0 and the diffusion tensor, mm²/s, in the frame of the directions; 0 outside the mask."""

    unweighted: Float[Array, "*voxels"]
    tensor: Float[Array, "*voxels 3 3"]

    @property
    def mean_diffusivity(self) -> Float[Array, "*voxels"]:
        """A third of the trace, mm²/s."""
        return jnp.trace(self.tensor, axis1=-2, axis2=-1) / 3

    @property
    def fractional_anisotropy(self) -> Float[Array, "*voxels"]:
        """√(3/2) |D − MD| / |D|, 0 for isotropic diffusion; Basser and Pierpaoli, J. Magn. Reson. B 111 (1996) 209."""
        isotropic = self.mean_diffusivity[..., None, None] * jnp.eye(3, dtype=self.tensor.dtype)
        part = jnp.sum((self.tensor - isotropic) ** 2, axis=(-2, -1))
        whole = jnp.sum(self.tensor**2, axis=(-2, -1))
        ratio = part / jnp.where(whole > 0, whole, 1)
        return jnp.sqrt(1.5 * jnp.where(ratio > 0, ratio, 0))


def adc(
    magnitudes: Float[Array | np.ndarray, "weighting *voxels"],
    b_values: Float[Array | np.ndarray, " weighting"],
    mask: Bool[Array | np.ndarray, "*voxels"] | None = None,
) -> Diffusion:
    """S = S0 exp(−b ADC): logarithmic fit weighted by the squared signal, then least squares of the signal.

    For the trace give the geometric mean over three orthogonal directions of each b. Source: Le Bihan et al., Radiology 161
    (1986) 401. - `b_values`: s/mm².
    Raises `ValueError` for NaN, negative magnitudes, fewer than two b values and shapes that do not fit.
    Good values: b of 0 and 1000 s/mm² in brain.
    """
    require_signals(magnitudes, "b_values", b_values, 2)
    require_range("b_values", b_values, 0.0, 1e5, "s/mm^2")
    require_not_negative(magnitudes)
    return _adc(jnp.asarray(magnitudes), jnp.asarray(b_values), inside(mask, magnitudes))


@jax.jit
def _adc(magnitudes, b_values, mask) -> Diffusion:
    b = jnp.asarray(b_values, magnitudes.dtype) * UNIT
    scale = jnp.maximum(jnp.max(magnitudes), jnp.finfo(magnitudes.dtype).tiny)
    signals = magnitudes.reshape(len(b), -1) / scale
    log, rate = exponential_start(signals, b)
    start = jnp.stack([jnp.exp(log), rate])
    amplitude, rate = fit(lambda p: p[0] * jnp.exp(-b * p[1]), start, signals, STEPS)
    seen = mask & jnp.any(magnitudes > 0, axis=0)
    shaped = lambda value: jnp.where(seen, value.reshape(mask.shape), 0)
    return Diffusion(shaped(amplitude * scale), shaped(rate * UNIT))


def diffusion_tensor(
    magnitudes: Float[Array | np.ndarray, "weighting *voxels"],
    b_values: Float[Array | np.ndarray, " weighting"],
    directions: Float[Array | np.ndarray, "weighting 3"],
    mask: Bool[Array | np.ndarray, "*voxels"] | None = None,
) -> DiffusionTensor:
    """S = S0 exp(−b gᵀ D g): weighted logarithmic fit, then least squares of the signal.

    Source: Basser, Mattiello and Le Bihan, J. Magn. Reson. B 103 (1994) 247; Koay et al., J. Magn. Reson. 182 (2006) 115.
    Tensors are not forced to be positive.

    - `b_values`: s/mm². - `directions`: g, of length 1, or 0 where b is 0.

    Raises `ValueError` for NaN, negative magnitudes, directions of another length, and protocols that leave a component open.
    Good values: one image at b = 0 and 30 directions at 1000 s/mm².
    """
    require_signals(magnitudes, "b_values", b_values, 2)
    require_range("b_values", b_values, 0.0, 1e5, "s/mm^2")
    require_not_negative(magnitudes)
    require_shape("directions", directions, (np.shape(b_values)[0], 3))
    _require_directions(b_values, directions)
    return _tensor(
        jnp.asarray(magnitudes),
        _design(b_values, directions, jnp.asarray(magnitudes).dtype),
        inside(mask, magnitudes),
    )


def _require_directions(b_values, directions) -> None:
    require_finite("directions", directions)
    if not is_concrete(b_values) or not is_concrete(directions):
        return
    length = np.linalg.norm(np.asarray(directions), axis=1)
    wrong = (np.abs(length - 1) > 1e-2) & (np.asarray(b_values) > 0)
    if np.any(wrong):
        first = int(np.argmax(wrong))
        raise InputError(
            f"direction {first} has length {length[first]:g}; it must be 1 where b is above 0: write directions / "
            "np.linalg.norm(directions, axis=1, keepdims=True)"
        )
    rank = int(np.linalg.matrix_rank(np.asarray(_design(b_values, directions, jnp.float32)), tol=1e-4))
    if rank < 7:
        raise InputError(
            f"b_values and directions determine {rank} of S0 and the tensor's 6 numbers; measure at least 6 directions, no "
            "three of which lie in a plane too many, and a second b value such as 0"
        )


def _design(b_values, directions, dtype):
    """[measurement, 7]: ln S = design @ (ln S0, Dxx, Dyy, Dzz, Dxy, Dxz, Dyz), diffusivities in 10⁻³ mm²/s."""
    b = jnp.asarray(b_values, dtype) * UNIT
    x, y, z = jnp.asarray(directions, dtype).T
    columns = [jnp.ones_like(b)]
    columns += [-b * u * v for u, v in ((x, x), (y, y), (z, z))]
    columns += [-2 * b * u * v for u, v in ((x, y), (x, z), (y, z))]
    return jnp.stack(columns, axis=1)


@jax.jit
def _tensor(magnitudes, design, mask) -> DiffusionTensor:
    scale = jnp.maximum(jnp.max(magnitudes), jnp.finfo(magnitudes.dtype).tiny)
    signals = magnitudes.reshape(len(design), -1) / scale
    positive = signals > 0
    log, weight = jnp.log(jnp.where(positive, signals, 1)), jnp.where(positive, signals, 0) ** 2
    gram = jnp.einsum("mi,mv,mj->vij", design, weight, design)
    gram = gram + jnp.finfo(gram.dtype).eps * jnp.eye(7, dtype=gram.dtype)
    right = jnp.einsum("mi,mv,mv->vi", design, weight, log)
    start = jnp.linalg.solve(gram, right[..., None])[..., 0].T
    found = fit(lambda p: jnp.exp(design @ p), start, signals, STEPS)
    seen = mask & jnp.any(magnitudes > 0, axis=0)
    xx, yy, zz, xy, xz, yz = found[1:] * UNIT
    tensor = jnp.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1).reshape(*mask.shape, 3, 3)
    return DiffusionTensor(
        jnp.where(seen, (jnp.exp(found[0]) * scale).reshape(mask.shape), 0),
        jnp.where(seen[..., None, None], tensor, 0),
    )
