"""Tumour growth by reaction and diffusion.

    ∂u/∂t = ∇·(D ∇u) + ρ u (1 − u),        no flux across the edge of the domain,

u the tumour cell density relative to the carrying capacity. Source: Murray, Mathematical Biology II (2003), ch. 11;
Swanson, Alvord and Murray, Cell Prolif. 33 (2000) 317 for white matter conducting better than grey.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from physim.core.diffusion import HarmonicFaces, face_coefficients, outflow
from physim.core.tensor_diffusion import Offset, TensorFaces, TensorMap, offsets_of, tensor_faces
from physim_phantoms import Grid
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape

from .march import Exchange, march_span
from .schedule import spans_of
from .therapy import Map, Resection, Treatment, ascending_days

Mask = Bool[Array | np.ndarray, "x y z"] | Float[Array | np.ndarray, "x y z"]

GROWTH_PER_STEP = 0.1  # ρ Δt of the default step: the splitting error stays below 1e-3 of the capacity
SAFETY = 0.95  # of the largest explicit step that keeps 0 <= u <= 1


class FisherKPP(eqx.Module):
    """Diffusion and logistic growth (Fisher 1937; Kolmogorov, Petrovsky and Piskunov 1937).

    - `diffusivity`: mm²/day, at least 0: a number, a map on the grid, or a map of symmetric tensors. For a patient write
      `0.13 * patient.map("tumour_diffusivity")`: white matter 1, grey matter about 0.1, barriers 0.
    - `proliferation`: 1/day, at least 0: a number or a map.

    In a uniform medium a front settles at the speed 2 √(D ρ). Good values: high grade 0.13 mm²/day and 0.025 1/day, a
    front of 42 mm/year; low grade a tenth of both. Raises `ValueError` for NaN and negative values.
    """

    diffusivity: Map | TensorMap
    proliferation: Map

    def __init__(self, diffusivity, proliferation):
        tensors = np.ndim(diffusivity) == 5
        self.diffusivity = (
            _tensors(diffusivity) if tensors else _number_or_map("diffusivity", diffusivity, "mm²/day")
        )
        self.proliferation = _number_or_map("proliferation", proliferation, "1/day")


class Strang(eqx.Module):
    """Time stepping: half a step of exact logistic flow, one of diffusion, half of logistic flow; order 2.

    The diffusion step is the strong-stability-preserving Runge-Kutta method of order 2 with `stages` stages, stable up to
    `stages − 1` explicit steps (Gottlieb, Ketcheson and Shu, 2011, sec. 6.1). Every stage is a convex combination of
    neighbours, so 0 <= u <= 1 holds without any clamp.

    - `time_step`: the longest step, days. - `stages`: 2 or more. - `offsets`: between voxels along which a map of tensors
      diffuses; needed where that is traced.

    Good values: `Strang.stable(model, grid)` finds both from numbers that are not traced.
    """

    time_step: float = eqx.field(static=True)
    stages: int = eqx.field(static=True, default=2)
    offsets: tuple[Offset, ...] | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        require_range("time_step", self.time_step, 1e-9, 1e6, "days")
        if self.stages < 2:
            raise InputError(f"stages is {self.stages}; it must be 2 or more")

    @classmethod
    def stable(
        cls, model: FisherKPP, grid: Grid, time_step: float | None = None, domain: Mask | None = None
    ) -> Strang:
        """The scheme that resolves growth and keeps 0 <= u <= 1; give `time_step` in days to choose that yourself."""
        if not (is_concrete(model.diffusivity) and is_concrete(model.proliferation)):
            raise InputError(
                "diffusivity or proliferation is being traced, so no stable step can be found from it; "
                "outside jit and grad, write scheme = biomech.Strang.stable(largest_model, grid) and pass scheme=scheme"
            )
        offsets = (
            offsets_of(jnp.asarray(model.diffusivity), grid.spacing)
            if np.ndim(model.diffusivity) == 5
            else None
        )
        fastest = _fastest(_faces(model, grid, domain, offsets=offsets))
        growth = float(np.max(np.asarray(model.proliferation)))
        if time_step is None:
            time_step = min(
                GROWTH_PER_STEP / growth if growth > 0 else np.inf,
                10 * SAFETY / fastest if fastest > 0 else np.inf,
                30.0,
            )
        return cls(float(time_step), 1 + max(1, int(np.ceil(time_step * fastest / SAFETY))), offsets)


def grow(
    initial: Float[Array | np.ndarray, "x y z"],
    grid: Grid,
    model: FisherKPP,
    days: Sequence[float],
    events: Sequence[Treatment] = (),
    domain: Mask | None = None,
    scheme: Strang | None = None,
) -> Float[Array, "day x y z"]:
    """Tumour cell density at `days`, grown from `initial` at day 0.

    - `initial`: relative cell density in [0, 1]; set to 0 outside the domain.
    - `days`: ascending, from 0 on; the result has one volume for each.
    - `events`: treatments, in any order: `Radiotherapy`, `Chemotherapy`, `Resection`. A volume of the day of an event is
      that before it.
    - `domain`: where tumour can live (bool, or a fraction above 1/2); the whole grid unless given.
    - `scheme`: time stepping; found from the model unless given.

    Differentiable in `initial`, `diffusivity`, `proliferation` and every number of the events but their days; reverse mode
    keeps about 2 √steps volumes. With ρ = 0 the sum over voxels is conserved to round-off. Units: mm, days.
    Good values: `grow(seed, grid, FisherKPP(0.13, 0.025), days=[0.0, 180.0, 360.0])`.
    Raises `ValueError` for days that do not ascend, densities outside [0, 1], wrong shapes, NaN.
    """
    initial = jnp.asarray(initial)
    _check_inputs(initial, grid, model, events, domain)
    times = list(ascending_days("days", days))
    scheme = Strang.stable(model, grid, domain=domain) if scheme is None else scheme
    faces = _faces(model, grid, domain, initial.dtype, offsets=scheme.offsets)
    _check_scheme(scheme, faces)
    u = initial if domain is None else jnp.where(_inside(domain), initial, 0)
    rate = jnp.asarray(model.proliferation, u.dtype)
    snapshots, conducting = [], 1.0
    for span in spans_of(times, tuple(events), scheme.time_step):
        for number in span.resections:
            left = events[number].left(u.dtype)  # type: ignore[attr-defined]
            u, conducting = u * left, conducting * left
            faces = _faces(model, grid, domain, u.dtype, conducting, scheme.offsets)
        u = march_span(u, faces, rate, span, tuple(events), scheme.stages)
        if span.picture:
            snapshots.append(u)
    return jnp.stack(snapshots)


def _faces(
    model: FisherKPP,
    grid: Grid,
    domain,
    dtype=None,
    conducting=1.0,
    offsets: tuple[Offset, ...] | None = None,
) -> Exchange:
    """What voxels exchange, of which a share is conducting: a cavity is not."""
    inside = None if domain is None else _inside(domain)
    if np.ndim(model.diffusivity) == 5:
        faces = tensor_faces(jnp.asarray(model.diffusivity, dtype), grid.spacing, inside, offsets)
        return faces if np.ndim(conducting) == 0 else faces.between(jnp.asarray(conducting))
    diffusivity = jnp.broadcast_to(jnp.asarray(model.diffusivity, dtype) * conducting, grid.shape)
    return face_coefficients(diffusivity, grid.spacing, inside, HarmonicFaces())


def _fastest(faces: Exchange) -> float:
    """The largest rate at which a voxel would empty, 1/day."""
    return float(jnp.max(faces.outflow() if isinstance(faces, TensorFaces) else outflow(faces)))


def _inside(domain) -> Bool[Array, "x y z"]:
    domain = jnp.asarray(domain)
    return domain if domain.dtype == bool else domain > 0.5


def _number_or_map(name: str, value, unit: str):
    if np.ndim(value) not in (0, 3):
        raise InputError(
            f"{name} has shape {np.shape(value)}; it must be a number or a map 'x y z' in {unit}"
        )
    require_finite(name, value)
    require_range(name, value, 0.0, 1e6, unit)
    return value


def _tensors(value):
    """Their symmetry and signs are looked at where they are decomposed."""
    if np.shape(value)[3:] != (3, 3):
        raise InputError(
            f"diffusivity has shape {np.shape(value)}; a map of tensors has the shape 'x y z 3 3', in mm²/day"
        )
    require_finite("diffusivity", value)
    return value


def _check_inputs(initial, grid: Grid, model: FisherKPP, events, domain) -> None:
    require_shape("initial", initial, grid.shape)
    require_finite("initial", initial)
    require_range("initial", initial, 0.0, 1.0)
    for name, value in (
        ("diffusivity", model.diffusivity),
        ("proliferation", model.proliferation),
        ("domain", domain),
    ):
        if value is not None and np.ndim(value) >= 3:
            tail = (3, 3) if np.ndim(value) == 5 else ()
            require_shape(name, value, (*grid.shape, *tail))
    for number, event in enumerate(events):
        if not isinstance(event, Treatment):
            raise InputError(
                f"event {number} is {event!r}; it must be a treatment, such as biomech.Radiotherapy.fractionated(start=30.0)"
            )
        for name, value in event.maps.items():
            if np.ndim(value):
                require_shape(f"{name} of event {number} ({type(event).__name__})", value, grid.shape)
    _require_touching(initial, events, domain)


def _require_touching(initial, events, domain) -> None:
    """Refuses operations that take nothing of where tumour can live."""
    for number, event in enumerate(events):
        if not isinstance(event, Resection) or not is_concrete(event.region):
            continue
        lives = (
            np.ones(initial.shape, bool)
            if domain is None or not is_concrete(domain)
            else np.asarray(_inside(domain))
        )
        if not np.any(np.asarray(event.region)[lives] > 0):
            raise InputError(
                f"the region of event {number} (Resection) touches nothing of the domain in which tumour can live; "
                "check that both are on the same grid"
            )


def _check_scheme(scheme: Strang, faces: Exchange) -> None:
    """Refuses a scheme whose stages would leave [0, 1]; traced coefficients pass."""
    if not all(map(is_concrete, jax.tree.leaves(faces))):
        return
    fastest = _fastest(faces)
    if scheme.time_step * fastest > (scheme.stages - 1) * (1 + 1e-5):
        needed = 1 + int(np.ceil(scheme.time_step * fastest / SAFETY))
        raise InputError(
            f"a step of {scheme.time_step:g} days with {scheme.stages} stages is unstable here; "
            f"write Strang(time_step={scheme.time_step:g}, stages={needed}) or a shorter step"
        )
