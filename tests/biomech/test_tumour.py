"""What a cell density does to tissue: volumes balance, fluid stays, thresholds hold, derivatives exist."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.biomech import Appearance, with_tumour
from physim_phantoms import Grid, Phantom
from tests.helper import assert_gradient

GRID = Grid((6, 5, 4), 2.0)


@pytest.fixture
def patient():
    rng = np.random.default_rng(3)
    parts = rng.dirichlet([2.0, 2.0, 1.0, 1.0], GRID.shape).astype(np.float32)
    names = ("white_matter", "grey_matter", "csf", "cortical_bone")
    return Phantom.from_fractions(GRID, {n: parts[..., i] for i, n in enumerate(names)}, components=4)


def total(patient):
    return sum(np.asarray(patient.fraction(name), np.float64) for name in patient.names)


def test_fluid_and_bone_keep_their_volume_and_every_voxel_stays_full(patient, key):
    ill = with_tumour(patient, jax.random.uniform(key, GRID.shape))
    np.testing.assert_allclose(total(ill), 1.0, atol=2e-6)
    for name in ("csf", "cortical_bone"):
        np.testing.assert_allclose(ill.fraction(name), patient.fraction(name), atol=1e-6)
    host = patient.fraction("white_matter") + patient.fraction("grey_matter")
    kinds = ("white_matter", "grey_matter", "oedema", "enhancing_tumour", "necrotic_core")
    np.testing.assert_allclose(sum(ill.fraction(name) for name in kinds), host, atol=2e-6)


@pytest.mark.parametrize(
    ("density", "compartment"),
    [(0.0, None), (0.1, None), (0.5, "oedema"), (0.86, "enhancing_tumour"), (1.0, "necrotic_core")],
)
def test_between_the_thresholds_white_matter_is_one_compartment(density, compartment):
    white = Phantom.from_fractions(GRID, {"white_matter": np.ones(GRID.shape, np.float32)})
    ill = with_tumour(white, np.full(GRID.shape, density, np.float32))
    for name in ("oedema", "enhancing_tumour", "necrotic_core"):
        np.testing.assert_allclose(ill.fraction(name), float(name == compartment), atol=1e-6)


def test_grey_matter_soaks_up_less_oedema_than_white():
    for tissue, share in (("white_matter", 1.0), ("grey_matter", 0.25)):
        pure = Phantom.from_fractions(GRID, {tissue: np.ones(GRID.shape, np.float32)})
        ill = with_tumour(pure, np.full(GRID.shape, 0.5, np.float32), Appearance(cortex=0.25))
        np.testing.assert_allclose(ill.fraction("oedema"), share, atol=1e-6)


def test_the_gradient_of_an_image_with_respect_to_the_density_is_right(patient, x64):
    double = jax.tree.map(lambda a: jnp.asarray(a, float) if a.dtype == jnp.float32 else a, patient)
    weights = np.random.default_rng(0).standard_normal(GRID.shape)
    density = np.random.default_rng(1).uniform(0.05, 0.95, GRID.shape)
    assert_gradient(
        lambda u: jnp.sum(weights * with_tumour(double, u).map("proton_density")), density, 1e-5, 1e-6
    )


@pytest.mark.parametrize("wrong", [{"oedema": 0.9}, {"necrotic": 0.5}, {"softness": 0.0}, {"cortex": 2.0}])
def test_refuses_appearances_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="must"):
        Appearance(**wrong)


@pytest.mark.parametrize(
    "density", [np.full(GRID.shape, 1.2), np.full(GRID.shape, np.nan), np.zeros((2, 2, 2))]
)
def test_refuses_densities_that_make_no_sense(patient, density):
    with pytest.raises(ValueError, match="density"):
        with_tumour(patient, density.astype(np.float32))
