"""Conservative diffusion on the voxel grid, alone or with logistic growth: ∂u/∂t = ∇·(D ∇u) + ρ u (1 - u).

Flux form on voxel faces: what leaves one voxel enters its neighbour, so mass is conserved to round-off, the operator is
symmetric, and no flux crosses the edge of the domain. Explicit steps with the exact logistic flow keep 0 <= u <= 1 as
long as the coefficients of a voxel's six faces sum to at most one; `stable_steps` says how many steps that takes.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import physim_kernels
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from .linear_pair import linear_pair


class Faces(eqx.Module):
    """Diffusivity over squared spacing on the faces between voxels, 1/day (or 1/s); the face above each voxel.

    The last plane along each axis is the edge of the grid and carries nothing.
    """

    x: Float[Array, "x y z"]
    y: Float[Array, "x y z"]
    z: Float[Array, "x y z"]


class ArithmeticFaces(eqx.Module):
    """A face conducts as the mean of its two voxels: right for smooth maps."""

    def mean(self, a, b):
        """(a + b) / 2."""
        return 0.5 * (a + b)


class HarmonicFaces(eqx.Module):
    """A face conducts as two voxels in series: right for sharp tissue boundaries."""

    def mean(self, a, b):
        """2 a b / (a + b), zero where both are."""
        total = a + b
        return jnp.where(total > 0, 2 * a * b / jnp.where(total > 0, total, 1), 0)


def face_coefficients(
    diffusivity: Float[Array | np.ndarray, "x y z"],
    spacing,
    domain: Bool[Array | np.ndarray, "x y z"] | None = None,
    rule: ArithmeticFaces | HarmonicFaces = ArithmeticFaces(),
) -> Faces:
    """D_face / h² for every face between two voxels of the domain, zero elsewhere; D in mm²/day, h in mm."""
    diffusivity = jnp.asarray(diffusivity)
    require_finite("diffusivity", diffusivity)
    require_range("diffusivity", diffusivity, 0.0, np.inf, "mm²/day")
    inside = jnp.ones(diffusivity.shape, bool) if domain is None else jnp.asarray(domain, bool)
    require_shape("domain", inside, diffusivity.shape)

    return Faces(*_faces(diffusivity, tuple(spacing), inside, rule))


@eqx.filter_jit
def _faces(diffusivity, spacing, inside, rule):
    """Means over what two voxels share, along each axis."""

    def along(axis: int):
        head = [slice(None)] * 3
        tail = [slice(None)] * 3
        head[axis], tail[axis] = slice(None, -1), slice(1, None)
        a, b = diffusivity[tuple(head)], diffusivity[tuple(tail)]
        open_face = inside[tuple(head)] & inside[tuple(tail)]
        face = jnp.where(open_face, rule.mean(a, b), 0) / jnp.asarray(spacing[axis], diffusivity.dtype) ** 2
        return jnp.pad(face, [(0, int(a == axis)) for a in range(3)])

    return along(0), along(1), along(2)


@jax.jit
def outflow(faces: Faces) -> Float[Array, "x y z"]:
    """Sum of the six face coefficients of every voxel: the rate at which a voxel would empty, 1/day."""
    return _diagonal(faces.x, 0) + _diagonal(faces.y, 1) + _diagonal(faces.z, 2)


def stable_steps(faces: Faces, duration: float, safety: float = 0.9) -> int:
    """The fewest equal steps over `duration` that keep the explicit scheme monotone (times `safety`); concrete faces only."""
    if not is_concrete(faces.x):
        raise InputError(
            "stable_steps needs concrete coefficients: choose the number of steps outside jit and grad"
        )
    fastest = float(jnp.max(outflow(faces)))
    return max(1, int(np.ceil(fastest * float(duration) / safety)))


def diffuse(u: Float[Array | np.ndarray, "x y z"], faces: Faces, dt) -> Float[Array, "x y z"]:
    """One explicit step u + Δt ∇·(D ∇u): linear and self-adjoint in u, smooth in the coefficients."""
    u = jnp.asarray(u)
    scaled = tuple(jnp.asarray(dt, u.dtype) * c for c in (faces.x, faces.y, faces.z))
    return _DIFFUSION.apply((), scaled, u)


def react_diffuse(
    u: Float[Array | np.ndarray, "x y z"], faces: Faces, rate, dt, steps: int
) -> Float[Array, "x y z"]:
    """`steps` Strang steps of Fisher-KPP: half logistic flow, diffusion, half logistic flow; order 2 in time.

    `rate` is the proliferation in 1/day, a number or a map; `dt` is one step in days. Differentiable in everything but
    the number of steps; reverse mode keeps about 2 √steps states.
    """
    u = jnp.asarray(u)
    rate = jnp.asarray(rate, u.dtype)
    dt = jnp.asarray(dt, u.dtype)
    half = jnp.exp(0.5 * dt * rate)
    half = half.reshape((1, 1, 1)) if half.ndim == 0 else half
    if steps < 1:
        return u
    return _march_of(steps)(logistic(u, half), (faces.x, faces.y, faces.z), dt, half)


def logistic(u, gain):
    """Exact flow of u' = ρ u (1 - u) over a time t with gain = exp(ρ t)."""
    return gain * u / (1 + (gain - 1) * u)


def _diagonal(face, axis: int):
    """A voxel's face above plus the face below along one axis."""
    return face + jnp.pad(
        jax.lax.slice_in_dim(face, 0, face.shape[axis] - 1, axis=axis),
        [(int(a == axis), 0) for a in range(3)],
    )


def _flow(face, u, axis: int):
    """Balance of the fluxes along one axis: what comes in through the face above less what leaves below."""
    n = u.shape[axis]
    flux = jax.lax.slice_in_dim(face, 0, n - 1, axis=axis) * jnp.diff(u, axis=axis)
    before = [(int(a == axis), 0) for a in range(3)]
    after = [(0, int(a == axis)) for a in range(3)]
    return jnp.pad(flux, after) - jnp.pad(flux, before)


def _reference(static, parameters, u):
    """One step in plain JAX."""
    return u + (_flow(parameters[0], u, 0) + _flow(parameters[1], u, 1) + _flow(parameters[2], u, 2))


def _kernel(dtype):
    """One diffusion step through the compiled kernel, with a gain of one."""
    target = physim_kernels.ensure("diffusion", dtype)
    if target is None:
        return None
    one = jnp.ones((1, 1, 1), dtype)
    return lambda static, parameters, u: _call(target, u, parameters, one[0, 0, 0], one, 1)


def _call(target: str, u, faces, dt, half, steps: int):
    like = jax.ShapeDtypeStruct(u.shape, u.dtype)
    numbers = dt.reshape(1), jnp.full((1,), steps, jnp.int32)
    return jax.ffi.ffi_call(target, (like, like), vmap_method="sequential")(u, *faces, half, *numbers)[0]


_DIFFUSION = linear_pair(
    "diffusion", _reference, _reference, forward_kernel=_kernel, transpose_kernel=_kernel
)


def _march_reference(steps: int, u, faces, dt, half):
    """All steps in plain JAX: a scan of checkpointed chunks, so that reverse mode keeps about 2 √steps states."""
    scaled = tuple(dt * face for face in faces)
    whole = half * half

    def one(state, _):
        return logistic(_reference((), scaled, state), whole), None

    chunk = max(1, int(np.sqrt(steps)))
    full, rest = divmod(steps - 1, chunk)
    march = jax.checkpoint(lambda state, _: jax.lax.scan(one, state, None, length=chunk), prevent_cse=False)
    u, _ = jax.lax.scan(march, u, None, length=full)
    u, _ = jax.lax.scan(one, u, None, length=rest)
    return logistic(_reference((), scaled, u), half)


def _march_forward(steps: int, u, faces, dt, half):
    """All steps, through the fused kernel where there is one."""
    target = physim_kernels.ensure("diffusion" if half.size == 1 else "diffusion_map", u.dtype)
    if target is None:
        return _march_reference(steps, u, faces, dt, half)
    return jax.lax.platform_dependent(
        u,
        *faces,
        dt,
        half,
        cpu=lambda u, x, y, z, dt, half: _call(target, u, (x, y, z), dt, half, steps),
        default=lambda u, x, y, z, dt, half: _march_reference(steps, u, (x, y, z), dt, half),
    )


def _march_of(steps: int):
    """The march as a function whose primal is the kernel and whose derivative is that of the reference."""

    @jax.custom_jvp
    def march(u, faces, dt, half):
        return _march_forward(steps, u, faces, dt, half)

    @march.defjvp
    def jvp(primals, tangents):
        return jax.jvp(lambda *arguments: _march_reference(steps, *arguments), primals, tangents)

    return march
