"""Test objects: volumes, places and values on the grid against the exact shapes they are made of."""

import jax.numpy as jnp
import numpy as np
import pytest

from physim_phantoms import TISSUES, Grid, InputError, qa
from physim_phantoms.qa.ct import SENSITOMETRY_RADIUS

SENSITOMETRY = ("air", "pmp", "ldpe", "polystyrene", "acrylic", "delrin", "teflon", "water")


def _value_at(grid, volume, centre):
    index = np.rint(np.asarray(grid.world_to_index(np.asarray(centre)))).astype(int)
    return float(volume[tuple(index)])


def test_water_cylinder():
    grid = Grid((54, 54, 20), (4.0, 4.0, 8.0))
    phantom = qa.water_cylinder(grid, diameter=200.0, length=100.0)
    np.testing.assert_allclose(phantom.volume("water"), np.pi * 100**2 * 100, rtol=2e-4)
    mu = phantom.attenuation([60.0])[0]
    np.testing.assert_allclose(mu[27, 27, 10], TISSUES["water"].attenuation(60.0), rtol=1e-5)
    np.testing.assert_allclose(mu[0, 0, 0], TISSUES["air"].attenuation(60.0), rtol=1e-5)


def test_sensitometry_rods_are_where_they_are_said_to_be():
    grid = Grid((80, 80, 4), (2.0, 2.0, 12.0))
    phantom = qa.ct_sensitometry(grid)
    parts = qa.ct_sensitometry_parts()
    assert tuple(name for name, _ in parts[1:]) == SENSITOMETRY
    mu = phantom.attenuation([70.0])[0]
    for name, shape in parts[1:]:
        np.testing.assert_allclose(np.linalg.norm(shape.centre), SENSITOMETRY_RADIUS)
        np.testing.assert_allclose(
            _value_at(grid, mu, shape.centre), TISSUES[name].attenuation(70.0), rtol=1e-5
        )
        if name not in ("air", "water"):
            np.testing.assert_allclose(phantom.volume(name), shape.volume, rtol=5e-3)
    # Air is above on the displayed image, that is anterior; delrin on its right, that is on the patient's left.
    places = {name: shape.centre for name, shape in parts[1:]}
    assert places["air"][1] > 58
    assert places["delrin"][0] < -58


@pytest.mark.parametrize(
    ("make", "parts", "grid"),
    [
        (qa.ct_sensitometry, qa.ct_sensitometry_parts, Grid((80, 80, 4), (2.0, 2.0, 12.0))),
        (qa.ct_resolution, qa.ct_resolution_parts, Grid((160, 160, 4), (1.0, 1.0, 12.0))),
        (qa.resolution_grid, qa.resolution_grid_parts, Grid((32, 32, 32), 4.0)),
        (qa.ct_wire, qa.ct_wire_parts, Grid((80, 80, 4), (2.0, 2.0, 12.0))),
    ],
    ids=["sensitometry", "resolution", "lattice", "wire"],
)
def test_the_grid_holds_what_the_shapes_hold(make, parts, grid):
    """The sum of attenuation over the grid, less that of air, is the integral of the exact shape; so is its first moment."""
    phantom = make(grid)
    mu = np.asarray(phantom.attenuation([60.0])[0], np.float64)
    air = float(TISSUES["air"].attenuation(60.0))
    exact = qa.exact(parts(), lambda tissue: tissue.attenuation(60.0), background=air)
    np.testing.assert_allclose(np.sum(mu - air) * grid.voxel_volume, exact.integral, rtol=1e-3)
    ray = np.array([[-300.0, 3.0, 0.0], [300.0, 3.0, 0.0]])
    assert float(exact.line_integral(*ray)) > 1


def test_the_shapes_are_the_contrast_of_the_voxels():
    """The exact shape's own voxels equal the phantom's attenuation above air: parts were subtracted and added rightly."""
    grid = Grid((40, 40, 4), (4.0, 4.0, 12.0))
    air = float(TISSUES["air"].attenuation(60.0))
    exact = qa.exact(qa.ct_sensitometry_parts(), lambda tissue: tissue.attenuation(60.0), background=air)
    mu = qa.ct_sensitometry(grid).attenuation([60.0])[0]
    np.testing.assert_allclose(mu - air, exact.voxelise(grid), atol=2e-5)


def test_bars_have_the_period_asked_for():
    parts = qa.ct_resolution_parts((2.0, 4.0), bars=3)
    boxes = [shape for _, shape in parts[1:]]
    assert len(boxes) == 6
    for group, pairs in ((boxes[:3], 2.0), (boxes[3:], 4.0)):
        gaps = np.linalg.norm(np.diff([box.centre for box in group], axis=0), axis=1)
        np.testing.assert_allclose(gaps, 10 / pairs)
        np.testing.assert_allclose(group[0].size[1], 5 / pairs)


def test_a_thin_wire_keeps_its_mass():
    grid = Grid((21, 21, 3), (1.0, 1.0, 10.0))
    phantom = qa.ct_wire(grid, diameter=0.3, offset=(1.3, -0.4), length=30.0)
    np.testing.assert_allclose(phantom.volume("stainless_steel"), np.pi * 0.15**2 * 30, rtol=0.02)


def test_sphere_arrays():
    """28 solutions with the nominal times, longest first, at the places that the parts tell."""
    grid = Grid((50, 50, 30), 4.0)
    phantom = qa.mri_spheres(grid)
    parts = qa.mri_spheres_parts()
    assert len(parts) == 29
    t1, t2 = phantom.map("t1", field=3.0), phantom.map("t2", field=3.0)
    for tissue, shape in parts[1:]:
        np.testing.assert_allclose(_value_at(grid, t1, shape.centre), tissue.value("t1", 3.0), rtol=1e-3)
        np.testing.assert_allclose(_value_at(grid, t2, shape.centre), tissue.value("t2", 3.0), rtol=1e-3)
        np.testing.assert_allclose(phantom.volume(tissue.name), shape.volume, rtol=0.01)
    for first, time in ((1, "t1"), (15, "t2")):
        values = [float(tissue.value(time, 3.0)) for tissue, _ in parts[first : first + 14]]
        ratios = np.array(values[1:]) / values[:-1]
        assert np.all((ratios > 0.6) & (ratios < 0.8)), "the series falls by about √2 from sphere to sphere"
    np.testing.assert_allclose(parts[1][0].value("t1", 3.0), 1.989, rtol=1e-6)
    np.testing.assert_allclose(parts[15][0].value("t2", 1.5), 0.9394, rtol=1e-6)


def test_lattice_of_cubes():
    grid = Grid((32, 32, 32), 4.0)
    phantom = qa.resolution_grid(grid, pitch=20.0, cube=8.0, count=(4, 3, 3))
    np.testing.assert_allclose(phantom.volume("acrylic"), 36 * 8.0**3, rtol=1e-5)
    np.testing.assert_allclose(phantom.volume("water"), 88 * 68 * 68 - 36 * 8.0**3, rtol=1e-5)


def test_differentiable_in_the_shapes():
    """A part with a traced radius gives a traced phantom."""
    import jax

    from physim_phantoms import shapes

    grid = Grid((12, 12, 12), 2.0)

    def volume(radius):
        parts = [
            ("water", shapes.Ellipsoid((0.0, 0.0, 0.0), 10.0)),
            ("acrylic", shapes.Ellipsoid((1.0, 0.5, 0.2), radius)),
        ]
        return qa.assemble(grid, parts, oversampling=1).volume("acrylic")

    np.testing.assert_allclose(jax.jit(jax.grad(volume))(5.0), 4 * np.pi * 25, rtol=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qa.water_cylinder_parts(diameter=-1.0), "radius"),
        (lambda: qa.ct_sensitometry_parts(insert_diameter=40.0), "insert_diameter"),
        (lambda: qa.ct_sensitometry_parts(diameter=100.0), "insert_diameter"),
        (lambda: qa.ct_resolution_parts((0.25, 1.0)), "groups"),
        (lambda: qa.ct_resolution_parts(()), "groups"),
        (lambda: qa.ct_resolution_parts((0.0,)), "line_pairs_per_cm"),
        (lambda: qa.ct_wire_parts(offset=(80.0, 0.0)), "wire"),
        (lambda: qa.mri_spheres_parts(sphere_diameter=50.0), "sphere_diameter"),
        (lambda: qa.mri_spheres_parts(diameter=100.0), "body"),
        (lambda: qa.resolution_grid_parts(cube=30.0), "pitch"),
        (lambda: qa.resolution_grid_parts(count=(0, 1, 1)), "count"),
        (lambda: qa.assemble(Grid((4, 4, 4)), []), "no part"),
        (lambda: qa.exact([("watr", qa.water_cylinder_parts()[0][1])], lambda t: t.density), "water"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_phantoms_in_double_precision(x64):
    phantom = qa.water_cylinder(Grid((10, 10, 6), 25.0), diameter=180.0, length=100.0)
    assert phantom.fractions.dtype == jnp.float64
