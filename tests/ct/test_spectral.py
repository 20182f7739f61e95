"""Material decomposition against known lengths and volumes, and monoenergetic images against photons of one energy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct import geometry as g
from physim.ct.detection import PhotonCounting
from physim.ct.readings import Readings
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.reconstruct import reconstruct
from physim.ct.reconstruction.spectral import decompose, decompose_images, monoenergetic
from physim.ct.source import Protocol
from physim.ct.source.bowtie import EqualisingBowtie
from physim_phantoms import TISSUES, Grid, shapes
from tests.ct.exact_scans import in_plane, line_integrals, readings
from tests.helper import assert_gradient

WATER, BONE = TISSUES["water"], TISSUES["cortical_bone"]
IODINE = WATER.with_iodine(10.0)
FAN = g.fan_beam(3, 600.0, 1000.0, 40, 5.0)
PROTOCOLS = {
    "two voltages": (Protocol(kvp=80.0), Protocol(kvp=140.0)),
    "two voltages, bow-tie": tuple(
        Protocol(kvp=k, bowtie=EqualisingBowtie(300.0, 600.0)) for k in (80.0, 140.0)
    ),
    "counting": (Protocol(kvp=120.0, detector=PhotonCounting()),),
}


def lengths(longest, shape=FAN.sinogram_shape):
    rng = np.random.default_rng(0)
    made = np.stack([rng.uniform(0, 400, shape), rng.uniform(0, longest, shape)])
    made[:, 0, 0, 0] = 0
    return jnp.asarray(made, float)


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize(
    ("materials", "longest"),
    [((WATER, BONE), 40.0), pytest.param((WATER, IODINE), 60.0, marks=pytest.mark.slow)],
)
def test_known_lengths_are_found(name, materials, longest):
    truth = lengths(longest)
    raws = tuple(readings(truth, materials, FAN, p) for p in PROTOCOLS[name])
    found = decompose(raws if len(raws) > 1 else raws[0], materials)
    np.testing.assert_allclose(found, truth, atol=4e-3)  # 1e-5 of the longest, in single precision


@pytest.mark.usefixtures("x64")
def test_known_lengths_are_found_to_rounding_and_differentiably():
    truth = lengths(40.0, (2, 1, 4))
    fan = g.fan_beam(2, 600.0, 1000.0, 4, 50.0)
    raws = tuple(readings(truth, (WATER, BONE), fan, Protocol(kvp=k)) for k in (80.0, 140.0))
    np.testing.assert_allclose(decompose(raws, (WATER, BONE)), truth, rtol=1e-6, atol=1e-5)

    def total(v):
        changed = (
            Readings(raws[0].signal * v[0], fan, Protocol(kvp=80.0 * v[1])),
            Readings(raws[1].signal * v[2], fan, Protocol(kvp=140.0 * v[3])),
        )
        return (
            jnp.sum(decompose(changed, (WATER, BONE)) * jnp.asarray([[1.0], [3.0]])[..., None, None]) / 1000
        )

    assert_gradient(jax.jit(total), jnp.ones(4), 1e-6, step=1e-6, directions=1)


GRID = Grid((40, 40, 1), (6.0, 6.0, 3.0))
GEOMETRY = g.circular_cone(200, 600.0, 1000.0, (1, 150), (5.0, 3.0), curved=True, offset=(0.0, 0.75))


@pytest.fixture(scope="module")
def insert():
    """A water cylinder with an iodine insert: lengths, and readings under two voltages."""
    iodine = line_integrals(shapes.Cylinder((40.0, 0.0, 0.0), 25.0, 300.0, value=1.0), GEOMETRY)
    water = line_integrals(shapes.Cylinder((0.0, 0.0, 0.0), 100.0, 300.0, value=1.0), GEOMETRY) - iodine
    paths = jnp.stack([water, iodine])
    return tuple(readings(paths, (WATER, IODINE), GEOMETRY, Protocol(kvp=k)) for k in (80.0, 140.0))


@pytest.mark.parametrize("energy", [45.0, 70.0, 120.0])
def test_monoenergetic_images_are_those_of_photons_of_one_energy(insert, energy):
    found = decompose(insert, (WATER, IODINE))
    volumes = jnp.stack([FilteredBackProjection().solve(x, GRID, GEOMETRY) for x in found])
    image = np.asarray(monoenergetic(volumes, (WATER, IODINE), energy))[..., 0]
    truth = 1000 * (float(IODINE.attenuation(energy) / WATER.attenuation(energy)) - 1)
    assert image[in_plane(GRID, 40.0) < 15].mean() == pytest.approx(truth, abs=1.0)
    assert abs(image[in_plane(GRID, -40.0) < 30].mean()) < 1.0


def test_images_decompose_into_volumes(insert):
    images = jnp.stack([reconstruct(raw, GRID) for raw in insert])
    volumes = np.asarray(decompose_images(images, insert, (WATER, IODINE)))[..., 0]
    inside, beside = in_plane(GRID, 40.0) < 15, in_plane(GRID, -40.0) < 30
    np.testing.assert_allclose(volumes[:, inside].mean(axis=1), [0.0, 1.0], atol=0.08)
    np.testing.assert_allclose(volumes[:, beside].mean(axis=1), [1.0, 0.0], atol=0.02)


def test_bad_input_is_refused(insert):
    with pytest.raises(ValueError, match="1 channels; every material"):
        decompose(insert[0], (WATER, BONE))
    with pytest.raises(ValueError, match="one geometry"):
        decompose(
            (insert[0], Readings(np.ones(FAN.sinogram_shape, np.float32), FAN, Protocol())), (WATER, BONE)
        )
    volumes = jnp.ones((2, 3, 3, 1))
    with pytest.raises(ValueError, match="energy is 5"):
        monoenergetic(volumes, (WATER, BONE), 5.0)
    with pytest.raises(ValueError, match="2 volumes and 1 materials"):
        monoenergetic(volumes, (WATER,), 50.0)
    with pytest.raises(ValueError, match="1 images, 2 channels"):
        decompose_images(volumes[:1], insert, (WATER,))
