"""From patient to Hounsfield units: a scan reconstructed, against the definition of the unit and a phantom maker's tolerances."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.detection import Noiseless, QuantumNoise
from physim.ct.reconstruction.reconstruct import reconstruct
from physim_phantoms import Grid, Phantom
from tests.helper import assert_gradient

GRID = Grid((128, 128, 2), (2.0, 2.0, 2.0))
GEOMETRY = ct.parallel_beam(200, (2, 184), (2.0, 2.0), offset=(0.0, 0.5))
KEY = jax.random.key(0)
# Catphan CTP404 manual: allowed ranges, HU. Delrin is left out: its composition is proprietary.
CATPHAN = {
    "air": (-1046, -986),
    "pmp": (-220, -172),
    "ldpe": (-121, -87),
    "polystyrene": (-65, -29),
    "acrylic": (92, 137),
    "teflon": (941, 1060),
}


def distance(x=0.0, y=0.0):
    """In-plane distance of the voxels from a point, mm."""
    axes = GRID.axes()
    return np.hypot(axes[0][:, None] - x, axes[1][None, :] - y)


def disc(x, y, radius, grid=GRID, fine=6):
    """The fraction of each voxel that lies within a cylinder along z."""
    near = np.linspace(-0.5, 0.5, 2 * fine + 1)[1::2]
    axes = grid.axes()
    xs = (axes[0][:, None] + grid.spacing[0] * near).ravel() - x
    ys = (axes[1][:, None] + grid.spacing[1] * near).ravel() - y
    inside = (xs[:, None] ** 2 + ys[None, :] ** 2 < radius**2).astype(np.float32)
    plane = inside.reshape(grid.shape[0], fine, grid.shape[1], fine).mean(axis=(1, 3))
    return np.repeat(plane[..., None], grid.shape[2], axis=2)


def water_cylinder():
    return Phantom.from_fractions(GRID, {"water": disc(0, 0, 100)})


def image_of(patient, noise, **protocol):
    return np.asarray(
        reconstruct(ct.scan(patient, GEOMETRY, ct.Protocol(**protocol), KEY, noise=noise), GRID)
    )


def test_water_is_zero_everywhere_without_noise():
    image = image_of(water_cylinder(), Noiseless())
    assert image.shape == GRID.shape
    for low, high in ((0, 15), (15, 60), (60, 80), (80, 92)):
        ring = image[(distance() >= low) & (distance() < high)]
        assert abs(ring.mean()) < 0.3, (low, high, ring.mean())
        assert ring.std() < 1.0
    outside = image[(distance() > 110) & (distance() < 125)]
    assert abs(outside.mean() + 999) < 2


@pytest.mark.parametrize("kvp", [80.0, pytest.param(140.0, marks=pytest.mark.slow)])
def test_water_is_zero_with_noise_at_other_voltages(kvp):
    image = image_of(water_cylinder(), QuantumNoise(), kvp=kvp)
    assert abs(image[distance() < 40].mean()) < 2
    assert abs(image[(distance() > 75) & (distance() < 92)].mean()) < 2


def test_catphan_inserts_are_within_the_makers_ranges():
    angles = np.arange(6) * math.pi / 3
    places = {n: (58 * math.cos(a), 58 * math.sin(a)) for a, n in zip(angles, CATPHAN, strict=True)}
    maps = {name: disc(x, y, 10) for name, (x, y) in places.items()}
    water = disc(0, 0, 100) - sum(maps.values())
    image = image_of(Phantom.from_fractions(GRID, {"water": water.clip(0), **maps}), QuantumNoise())
    for name, (x, y) in places.items():
        low, high = CATPHAN[name]
        assert low < image[distance(x, y) < 6].mean() < high, name


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_images_are_differentiable_in_patient_and_protocol():
    grid = Grid((12, 12, 2), (12.0, 12.0, 4.0))
    geometry = ct.parallel_beam(16, (2, 18), (4.0, 12.0), offset=(0.0, 3.0), start=0.1)
    shape = jnp.asarray(disc(0, 0, 50, grid), jnp.float64)

    def image(numbers):
        patient = Phantom.from_fractions(grid, {"water": numbers[0] * shape, "cranium": numbers[1] * shape})
        protocol = ct.Protocol(kvp=100 * numbers[2], mas=100 * numbers[3], filtration=5 * numbers[4])
        raw = ct.scan(patient, geometry, protocol, KEY, materials=3)
        return jnp.mean(jnp.abs(reconstruct(raw, grid)[4:8, 4:8]))

    assert_gradient(
        jax.jit(image), jnp.array([0.8, 0.15, 1.003, 1.0, 1.0]), tolerance=1e-5, step=1e-5, directions=1
    )
