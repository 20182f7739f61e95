"""A patient that moves while the gantry turns: where the volume is, or the rays are, at the time of each view."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim.core import warp
from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from .concrete import worked_out
from .geometry import ConeBeam, Geometry, some_views
from .geometry.checks import Number, number

Times = Float[Array, " view"]
Volume = Float[Array, "x y z"]
Knots = Float[Array | np.ndarray, " knot"]
Sinogram = Float[Array, "view row column"]
Projector = Callable[[Volume, Geometry], Sinogram]


class Still(eqx.Module):
    """Nothing moves."""

    def paths(
        self, project: Projector, maps: Sequence[Volume], grid: Grid, geometry: Geometry, times: Times
    ) -> tuple[Sinogram, ...]:
        """Line integrals of every map."""
        return tuple(project(volume, geometry) for volume in maps)


class RigidMotion(eqx.Module):
    """A patient that turns and shifts as a whole: a point p goes to R(t) (p − centre) + centre + translation(t).

    Source and detector are moved the other way instead, so nothing is resampled and the motion is exact; diverging rays
    only. Between the knots both run straight.

    - `times`: of the knots, s after the scan began. - `rotation`: rotation vectors (axis times angle), rad.
    - `translation`: mm. - `centre`: world position, mm.

    Good values: a nod of 3° during a head scan, `RigidMotion((0.0, 0.5), [(0, 0, 0), (0.05, 0, 0)], [(0, 0, 0)] * 2)`.
    Raises `ValueError` for times that do not rise and rows that are not three numbers for each.
    """

    times: Knots
    rotation: Float[Array | np.ndarray, "knot 3"]
    translation: Float[Array | np.ndarray, "knot 3"]
    centre: Float[Array | np.ndarray, "3"]

    def __init__(self, times, rotation, translation, centre=(0.0, 0.0, 0.0)):
        self.times = _rising(times)
        self.rotation, self.translation = (
            _rows(name, value, self.times.shape[0])
            for name, value in (("rotation", rotation), ("translation", translation))
        )
        self.centre = number("centre", centre if not isinstance(centre, Sequence) else np.asarray(centre))
        require_shape("centre", self.centre, (3,))

    def paths(
        self, project: Projector, maps: Sequence[Volume], grid: Grid, geometry: Geometry, times: Times
    ) -> tuple[Sinogram, ...]:
        """Line integrals of every map, from where source and detector are as seen by the patient."""
        return Still().paths(project, maps, grid, worked_out(self.seen, geometry, times), times)

    def seen(self, geometry: Geometry, times: Times) -> ConeBeam:
        """The geometry in the patient's own frame; for a reconstruction that knows the motion, too."""
        if not isinstance(geometry, ConeBeam):
            raise InputError(
                "parallel rays cannot follow a rigid motion; take circular_cone(...) or fan_beam(...), or a Deformation"
            )
        turn = jax.vmap(_rotation)(_at(self.times, self.rotation, times))
        shift = _at(self.times, self.translation, times)
        centre = jnp.asarray(self.centre)
        vector = lambda v: jnp.einsum("vji,vj->vi", turn, jnp.asarray(v), precision=jax.lax.Precision.HIGHEST)
        point = lambda p: vector(jnp.asarray(p) - centre - shift) + centre
        return replace(
            geometry,
            source=point(geometry.source),
            detector_centre=point(geometry.detector_centre),
            row_step=vector(geometry.row_step),
            column_step=vector(geometry.column_step),
        )


class Deformation(eqx.Module):
    """Soft motion: at time t position p shows what rests at p + Σ_m amplitudes[m](t) fields[m](p), as in `core.warp`.

    The views are cut into `groups` of equal length, and in each the patient stands as in its middle; between the knots the
    amplitudes run straight. One warp of each basis map for each group.

    - `times`: of the knots, s after the scan began. - `amplitudes`: one row per knot. - `fields`: displacements on the
      patient's grid, mm in world axes.

    Good values: 16 groups for one turn of 0.5 s; see `breathing`. Raises `ValueError` for times that do not rise, numbers
    of modes that differ, and NaN.
    """

    times: Knots
    amplitudes: Float[Array | np.ndarray, "knot mode"]
    fields: Float[Array | np.ndarray, "mode x y z 3"]
    groups: int = eqx.field(static=True)

    def __init__(self, times, amplitudes, fields, groups: int = 16):
        self.times = _rising(times)
        modes = np.shape(fields)[0]
        require_shape("amplitudes", amplitudes, (self.times.shape[0], modes))
        require_finite("amplitudes", amplitudes)
        require_finite("fields", fields)
        if groups < 1:
            raise InputError(f"groups is {groups}; it must be at least 1, like 16")
        self.amplitudes, self.fields, self.groups = amplitudes, fields, groups

    def paths(
        self, project: Projector, maps: Sequence[Volume], grid: Grid, geometry: Geometry, times: Times
    ) -> tuple[Sinogram, ...]:
        """Line integrals of every map, group of views after group of views."""
        views = np.array_split(np.arange(times.shape[0]), min(self.groups, times.shape[0]))
        cut = lambda g, t: [(jnp.mean(t[w]), some_views(g, slice(w[0], w[-1] + 1))) for w in views]
        parts = worked_out(cut, geometry, times)

        def together(volume, when, part):
            # Backwards, warped volumes are made again instead of kept.
            return jax.checkpoint(lambda v: project(self.moved(v, grid, when), part))(volume)

        return tuple(jnp.concatenate([together(volume, *p) for p in parts]) for volume in maps)

    def moved(self, volume: Volume, grid: Grid, time: Number) -> Volume:
        """The volume as it stands at a time, s."""
        amplitude = _at(self.times, self.amplitudes, jnp.reshape(jnp.asarray(time), (1,)))[0]
        fields = jnp.asarray(self.fields, volume.dtype)
        return warp(volume, grid, jnp.tensordot(amplitude.astype(volume.dtype), fields, axes=1))


Motion = Still | RigidMotion | Deformation


def breathing(
    grid: Grid,
    *,
    amplitude: Number = 10.0,
    period: Number = 4.0,
    diaphragm: Number = 0.0,
    reach: Number = 100.0,
    duration: float = 10.0,
    phase: Number = 0.0,
    groups: int = 16,
) -> Deformation:
    """Quiet breathing: what lies around the diaphragm sinks by `amplitude` mm and rises, s(t) = sin⁴(π (t / period + phase)).

    Lujan et al., Med. Phys. 26 (1999) 715, with n = 2: long at the end of expiration. The motion is along z and fades as a
    Gaussian of `reach` mm around the plane z = `diaphragm`, mm. - `duration`: for how long, s. - `phase`: parts of a
    period; 0 begins in expiration.

    Good values: 5 to 15 mm, 3 to 5 s. Raises `ValueError` for a period outside 0.1..60 s and a reach outside 1 mm..10 m.
    """
    require_range("period", period, 0.1, 60.0, "s")
    require_range("reach", reach, 1.0, 1e4, "mm")
    require_range("duration", duration, 1e-3, 1e4, "s")
    times = np.linspace(0.0, duration, 257)
    waveform = jnp.sin(jnp.pi * (jnp.asarray(times) / period + phase)) ** 4
    fade = jnp.exp(-0.5 * ((jnp.asarray(grid.centres()[..., 2]) - diaphragm) / reach) ** 2)
    # What shows at p when tissue has sunk rested higher up.
    field = amplitude * jnp.stack([jnp.zeros_like(fade), jnp.zeros_like(fade), fade], axis=-1)
    return Deformation(times, waveform[:, None], field[None], groups)


def _at(knots, values, times: Times):
    """Straight lines between the knots, held before the first and after the last."""
    knots, values = jnp.asarray(knots), jnp.asarray(values)
    if knots.shape[0] == 1:
        return jnp.broadcast_to(values[0], (times.shape[0], values.shape[1]))
    return jax.vmap(lambda column: jnp.interp(times, knots, column), in_axes=1, out_axes=1)(values)


def _rotation(vector) -> Float[Array, "3 3"]:
    """The matrix of a rotation vector: Rodrigues' formula, smooth at zero."""
    x, y, z = vector
    zero = jnp.zeros_like(x)
    cross = jnp.stack([jnp.stack([zero, -z, y]), jnp.stack([z, zero, -x]), jnp.stack([-y, x, zero])])
    square = jnp.sum(vector**2)
    small = square < 1e-12
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    first = jnp.where(small, 1 - square / 6, jnp.sin(angle) / angle)
    second = jnp.where(small, 0.5 - square / 24, (1 - jnp.cos(angle)) / angle**2)
    return jnp.eye(3, dtype=cross.dtype) + first * cross + second * (cross @ cross)


def _rising(times):
    made = number("times", times if not isinstance(times, Sequence) else np.asarray(times, float))
    values = np.asarray(made) if is_concrete(made) else None
    if made.ndim != 1 or made.shape[0] < 1 or (values is not None and np.any(np.diff(values) <= 0)):
        raise InputError(f"times are {times}; give at least one, in s, each later than the one before")
    return made


def _rows(name: str, value, count: int):
    made = number(name, value if not isinstance(value, Sequence) else np.asarray(value, float))
    require_shape(name, made, (count, 3))
    return made
