"""HU to tissues and back: the attenuation at the reference energy, Schneider's densities, slopes and kinks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from physim_phantoms import TISSUES, Grid, InputError, anatomy

GRID = Grid((5, 4, 3), 1.0)


def line(values):
    values = np.asarray(values)
    return Grid((values.size, 1, 1)), values.reshape(-1, 1, 1)


def hounsfield(patient, energy):
    water = float(np.ravel(TISSUES["water"].attenuation(energy))[0])
    return 1000 * (np.asarray(patient.attenuation(energy))[0] / water - 1)


def anchors(energy=70.0, names=anatomy.CT_TISSUES):
    water = float(np.ravel(TISSUES["water"].attenuation(energy))[0])
    return [1000 * (float(np.ravel(TISSUES[n].attenuation(energy))[0]) / water - 1) for n in names]


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_attenuation_gives_the_hounsfield_units_back(dtype):
    grid, hu = line(np.arange(-998, 2800).astype(dtype))
    patient = anatomy.from_ct(grid, hu)
    assert np.abs(hounsfield(patient, 70.0) - hu).max() < 0.05
    air = hounsfield(anatomy.from_ct(*line(np.array([-1024.0, -1000.0], np.float32))), 70.0)
    np.testing.assert_allclose(air, -998.9, atol=0.2)  # what air of the table has; lower is vacuum


@pytest.mark.parametrize("energy", [55.0, 85.0])
def test_another_reference_energy(energy):
    grid, hu = line(np.linspace(-998, 1200, 500, dtype=np.float32))
    assert np.abs(hounsfield(anatomy.from_ct(grid, hu, energy=energy), energy) - hu).max() < 0.05


def test_density_is_near_that_of_schneider():
    """Schneider, Bortfeld and Schlegel 2000, as GATE's Schneider2000DensitiesTable spells it out: HU, g/cm³."""
    table = {-98: 0.930, 14: 1.030, 23: 1.031, 100: 1.1199, 101: 1.0762, 850: 1.520, 1600: 1.9642}
    grid, hu = line(np.array(list(table), np.float32))
    density = np.ravel(anatomy.from_ct(grid, hu).map("density"))
    np.testing.assert_allclose(density, list(table.values()), rtol=0.05)


def test_the_mixture_is_of_neighbours_only_and_continuous():
    at = anchors()
    assert np.all(np.diff(at) > 0)
    for below, name, above in zip(at, anatomy.CT_TISSUES[1:], at[1:], strict=False):
        grid, hu = line(np.array([(below + above) / 2, above - 1e-2, above, above + 1e-2], np.float32))
        patient = anatomy.from_ct(grid, hu)
        np.testing.assert_allclose(np.ravel(patient.fraction(name)), [0.5, 1, 1, 1], atol=2e-3)
        density = np.ravel(patient.map("density"))
        assert np.ptp(density[1:]) < 1e-4


def test_slopes_are_those_of_the_definition(x64):
    water = float(np.ravel(TISSUES["water"].attenuation(70.0))[0])
    hu = jnp.asarray(np.random.default_rng(0).uniform(-990, 1500, GRID.shape))

    def total(values):
        return jnp.sum(anatomy.from_ct(GRID, values).attenuation(70.0))

    np.testing.assert_allclose(jax.jit(jax.grad(total))(hu), water / 1000, rtol=1e-6)
    _, forward = jax.jvp(total, (hu,), (jnp.ones_like(hu),))
    assert float(forward) == pytest.approx(GRID.size * water / 1000, rel=1e-6)
    assert anatomy.from_ct(GRID, hu).fractions.dtype == jnp.float64


def test_beyond_the_ramp_the_ends_hold():
    at = anchors()
    grid, hu = line(np.array([-3000.0, at[-1] + 500], np.float32))
    patient = anatomy.from_ct(grid, hu)
    assert float(patient.fraction("air")[0, 0, 0]) == 1
    assert float(patient.fraction("tooth")[1, 0, 0]) == 1
    metal = anatomy.from_ct(grid, hu, tissues=(*anatomy.CT_TISSUES, "titanium"))
    np.testing.assert_allclose(hounsfield(metal, 70.0)[1], hu[1], atol=0.1)
    assert 0 < float(metal.fraction("titanium")[1, 0, 0]) < 0.2


def test_another_ramp():
    grid, hu = line(np.array([-500.0, 0.0, 40.0], np.float32))
    patient = anatomy.from_ct(grid, hu, tissues=("air", "water", TISSUES["cortical_bone"]))
    np.testing.assert_allclose(np.ravel(patient.fraction("water")), [0.5, 1.0, 0.98], atol=0.02)


@settings(max_examples=30, deadline=None)
@given(arrays.arrays(np.float32, (5, 4, 3), elements=st.floats(-1024, 4000, width=32)))
def test_every_image_becomes_fractions_of_one(hu):
    patient = anatomy.from_ct(GRID, hu)
    fractions = np.asarray(patient.fractions)
    assert np.all((fractions >= 0) & (fractions <= 1))
    at = anchors()
    assert np.abs(hounsfield(patient, 70.0) - np.clip(hu, at[0], at[-1])).max() < 0.5


def test_rotated_grid_is_kept_and_volumes_can_be_mapped():
    turned = Grid(GRID.shape, 1.0, direction=np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    hu = np.zeros((2, *GRID.shape), np.float32)
    np.testing.assert_array_equal(anatomy.from_ct(turned, hu[0]).grid.affine, turned.affine)
    both = jax.vmap(lambda v: anatomy.from_ct(turned, v).map("density"))(hu)
    assert both.shape == hu.shape


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hu": np.zeros((5, 4, 2), np.float32)}, r"\(5, 4, 2\)"),
        ({"hu": np.full(GRID.shape, np.nan, np.float32)}, "60 NaN"),
        ({"hu": np.full(GRID.shape, 1e6, np.float32)}, "65535 HU"),
        ({"energy": 5.0}, "20 and 150 keV"),
        ({"tissues": ("water",)}, "at least two"),
        ({"tissues": ("water", "air")}, r"does not rise at 70 keV: water 0 HU, air -999 HU"),
        ({"tissues": ("air", "watr")}, "water"),
    ],
)
def test_what_is_refused(change, words):
    arguments = {"grid": GRID, "hu": np.zeros(GRID.shape, np.float32)} | change
    with pytest.raises(InputError, match=words):
        anatomy.from_ct(**arguments)
