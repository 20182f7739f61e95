"""The compiled back-projections against their JAX references, their transposes, and misuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physim_kernels
from physim.ct import geometry as g
from physim.ct.reconstruction import back_projection, helical
from physim.ct.reconstruction.rebinning import helix, sorting
from physim_kernels import availability
from physim_phantoms import Grid
from tests.helper import assert_adjoint, assert_same

GRID = Grid((7, 9, 6), (9.0, 10.0, 5.0), (-30.0, -41.0, -13.0))
CONE = {
    "source_to_axis": 300.0,
    "source_to_detector": 500.0,
    "detector_shape": (5, 14),
    "pixel_size": (11.0, 15.0),
}
CIRCLES = {
    "parallel": g.parallel_beam(7, (5, 14), (6.0, 9.0), offset=(1.0, 2.0)),
    "flat": g.circular_cone(7, **CONE, offset=(3.0, 4.0), start=0.2),
    "arc": g.circular_cone(7, **CONE, offset=(3.0, 4.0), curved=True),
    "flying": g.flying_focal_spot(
        g.circular_cone(7, **CONE, curved=True), [(0.0, -5.0, 0.0), (0.0, 5.0, 2.0)]
    ),
    "fan": g.fan_beam(7, 300.0, 500.0, 14, 15.0, slice_thickness=9.0),
}
HELICES = {
    "helix": g.helical_cone(17, 3.3, 40.0, **CONE, offset=(3.0, 4.0), start=0.2),
    "one row": g.helical_cone(16, 5, 15.0, 300.0, 500.0, (1, 14), (30.0, 15.0)),
}


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"):
        yield np.dtype(request.param)


def circle(geometry, dtype):
    """Operator pair, its static part, its parameters, and the shape of what it takes."""
    place = back_projection.places(GRID, geometry, dtype)
    views, rows, columns = geometry.sinogram_shape
    lie = back_projection._lie(GRID, geometry, place)
    return back_projection.SMEAR, lie, (place,), (views, columns, rows)


def winding(geometry, dtype):
    wound = helix(geometry)
    sort = sorting(wound, geometry.sinogram_shape[0])
    lie = helical._lie(GRID, geometry, sort)
    numbers, tables = helical.turns(GRID, geometry, wound, sort)
    parameters = numbers.astype(dtype), tables.astype(dtype), jnp.asarray([0.6], dtype)
    static = helical.Winding(lie, sort.members, sort.groups)
    return helical.WIND, static, parameters, (lie.views, lie.columns, lie.rows)


def case(name, dtype):
    return circle(CIRCLES[name], dtype) if name in CIRCLES else winding(HELICES[name], dtype)


# In single precision one circle and one helix; in double what else runs through other lines of these kernels: parallel
# rays (as a flat detector), a single plane, a single row.
_QUICK = {
    ("arc", "float32"),
    ("helix", "float32"),
    *((n, "float64") for n in ("parallel", "arc", "fan", "helix", "one row")),
}
_COMPARED = [
    pytest.param(n, t, marks=() if (n, t) in _QUICK else pytest.mark.slow)
    for n in (*CIRCLES, *HELICES)
    for t in ("float32", "float64")
]


@pytest.mark.parametrize(("name", "dtype"), _COMPARED, indirect=["dtype"])
def test_kernels_equal_the_references_and_are_transposes(name, dtype):
    pair, static, parameters, shape = case(name, dtype)
    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(rng.standard_normal(s), dtype) for s in (shape, GRID.shape))
    both = lambda p, x, y: (pair.apply(static, p, x), pair.transpose(static, p, y))
    fast = jax.jit(both).lower(parameters, x, y)
    assert f"back_projection_{dtype}" in fast.as_text()
    with availability.disabled():
        slow = jax.jit(lambda p, x, y: both(p, x, y))(parameters, x, y)
    made = fast.compile()(parameters, x, y)
    assert np.mean(np.asarray(made[0]) != 0) > 0.2
    for ours, reference in zip(made, slow, strict=True):
        assert_same(ours, reference, 5e-6 if dtype == np.float32 else 1e-13)
    assert_adjoint(lambda _: made[0], lambda _: made[1], x, y, 1e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("name", ["arc", "helix"])
def test_same_bits_whatever_the_number_of_threads(name):
    import numba

    from physim_kernels import back_projection as flat_kernel
    from physim_kernels import helical_back_projection as wound_kernel

    pair, static, parameters, shape = case(name, np.float32)
    kernel = flat_kernel if name == "arc" else wound_kernel
    rng = np.random.default_rng(2)
    x, y = (jnp.asarray(rng.standard_normal(s), jnp.float32) for s in (shape, GRID.shape))
    many = [np.asarray(side(static, parameters, v)) for side, v in zip(pair, (x, y), strict=True)]
    # Copies: for arrays that cannot be written, Numba would compile everything once more.
    threads, arrays = numba.get_num_threads(), [np.array(p) for p in parameters]
    numba.set_num_threads(1)
    try:
        for run, value, expected in ((kernel.collect, x, many[0]), (kernel.spread, y, many[1])):
            made = np.empty_like(expected)
            run(np.array(value), *arrays, made)
            np.testing.assert_array_equal(made, expected)
    finally:
        numba.set_num_threads(threads)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("arc", lambda a: (a[0], a[1][:-1]), "do not belong together"),
        ("arc", lambda a: (a[0], a[1][:, :-1]), "do not belong together"),
        ("arc", lambda a: (a[0][0], a[1]), "3-D views"),
        ("arc", lambda a: a[:1], "2 arguments"),
        ("helix", lambda a: (a[0][:-1], *a[1:]), "do not belong together"),
        ("helix", lambda a: (a[0], a[1], a[2][:, 1:], a[3]), "do not belong together"),
        ("helix", lambda a: (a[0], a[1][0], *a[2:]), "views and numbers of one precision"),
        ("helix", lambda a: a[:2], "4 arguments"),
    ],
)
def test_misuse_is_an_error_not_a_crash(name, change, message):
    kernel = "back_projection" if name == "arc" else "helical_back_projection"
    target = physim_kernels.ensure(kernel, np.float32)
    assert target is not None
    _, _, parameters, shape = case(name, np.float32)
    made = jax.ShapeDtypeStruct(GRID.shape, np.float32)
    call = jax.jit(lambda *a: jax.ffi.ffi_call(target, made)(*a))
    with pytest.raises(Exception, match=message):
        call(*change((jnp.ones(shape, jnp.float32), *parameters))).block_until_ready()


def test_the_arctangent_is_exact_to_rounding():
    from numba import njit

    from physim_kernels.meeting import arctan

    at = np.tan(np.linspace(-1.3, 1.3, 2001))
    ours = njit(lambda x: arctan(x, np.float64))
    np.testing.assert_allclose([ours(x) for x in at], np.arctan(at), rtol=0, atol=5e-16)


def test_too_many_neighbours_give_nan_not_a_wrong_number():
    """The reference's transpose looks at a fixed number of voxels; too few must not go unnoticed."""
    pair, lie, parameters, _ = case("flat", np.float32)
    with availability.disabled():
        made = jax.jit(lambda v: pair.transpose(lie._replace(taps=(2, 2)), parameters, v))(
            jnp.ones(GRID.shape)
        )
    assert np.all(np.isnan(made))
