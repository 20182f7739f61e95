"""Hounsfield units from the protocol itself: water under every spectrum, bow-tie and detector; bone."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct import geometry as g
from physim.ct.detection import PhotonCounting
from physim.ct.readings import Readings
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.beam_hardening import water_thickness
from physim.ct.reconstruction.reconstruct import reconstruct, reconstruct_with_bone
from physim.ct.source import Protocol
from physim.ct.source.bowtie import EqualisingBowtie
from physim_phantoms import TISSUES, Grid, shapes
from tests.ct.exact_scans import in_plane, line_integrals, readings
from tests.helper import assert_gradient

WATER, BONE = TISSUES["water"], TISSUES["cortical_bone"]
GRID = Grid((64, 64, 1), (6.0, 6.0, 3.0))
GEOMETRY = g.circular_cone(300, 600.0, 1000.0, (1, 220), (5.0, 3.0), curved=True, offset=(0.0, 0.75))


def protocol(name, kvp=120.0):
    return {
        "plain": lambda: Protocol(kvp=kvp),
        "bow-tie": lambda: Protocol(kvp=kvp, bowtie=EqualisingBowtie(300.0, 600.0)),
        "switched": lambda: Protocol(kvp=np.where(np.arange(300) % 2, 80.0, kvp)),
        "counting": lambda: Protocol(kvp=kvp, detector=PhotonCounting()),
    }[name]()


def rings(image, radius):
    distance = in_plane(GRID)
    return [
        image[(distance >= a * radius) & (distance < b * radius), 0].mean()
        for a, b in ((0, 0.3), (0.3, 0.7), (0.7, 0.9))
    ]


@pytest.mark.parametrize(
    ("name", "kvp", "diameter"),
    # Every kind of protocol once; the rest is the same at other voltages and sizes.
    [
        ("plain", 80.0, 200.0),
        ("bow-tie", 140.0, 350.0),
        ("switched", 140.0, 350.0),
        ("counting", 120.0, 200.0),
    ]
    + [
        pytest.param(name, kvp, diameter, marks=pytest.mark.slow)
        for name, kvp, diameter in itertools.product(("plain", "bow-tie"), (80.0, 140.0), (200.0, 350.0))
        if (name, kvp, diameter) not in {("plain", 80.0, 200.0), ("bow-tie", 140.0, 350.0)}
    ],
)
def test_water_is_zero_at_centre_and_edge(name, kvp, diameter):
    taken = protocol(name, kvp)
    cylinder = shapes.Cylinder((0.0, 0.0, 0.0), diameter / 2, 300.0, value=1.0)
    length = line_integrals(cylinder, GEOMETRY)
    raw = readings(length[None], (WATER,), GEOMETRY, taken)
    image = np.asarray(reconstruct(raw, GRID))
    assert np.abs(rings(image, diameter / 2)).max() < 1.0, rings(image, diameter / 2)
    outside = image[(in_plane(GRID) > diameter / 2 + 8) & (in_plane(GRID) < 190)]
    assert abs(outside.mean() + 1000) < 3


@pytest.mark.parametrize("name", ["plain", "bow-tie", "switched"])
def test_thickness_of_water_is_found(name):
    taken = protocol(name)
    length = jnp.broadcast_to(jnp.linspace(0.0, 690.0, 220), GEOMETRY.sinogram_shape).astype(jnp.float32)
    raw = readings(length[None], (WATER,), GEOMETRY, taken)
    log = raw.log()
    seen = np.asarray(length) < (690 if name == "plain" else 400)
    ours = np.asarray(water_thickness(log, taken, GEOMETRY))
    np.testing.assert_allclose(ours[seen], np.asarray(length)[seen], atol=0.05)


def test_without_the_correction_water_would_cup():
    """The gates above can fail: the log signal itself, scaled to be right on average, is not flat."""
    cylinder = shapes.Cylinder((0.0, 0.0, 0.0), 100.0, 300.0, value=1.0)
    raw = readings(line_integrals(cylinder, GEOMETRY)[None], (WATER,), GEOMETRY, protocol("plain"))
    image = np.asarray(FilteredBackProjection().solve(raw.log(), GRID, GEOMETRY))
    centre, _, edge = rings(image, 100.0)
    assert 1000 * (edge / centre - 1) > 15


def test_bone_no_longer_darkens_the_water_between():
    bones = [shapes.Cylinder((x, 0.0, 0.0), 15.0, 300.0, value=1.0) for x in (-50.0, 50.0)]
    bone = sum(line_integrals(b, GEOMETRY) for b in bones)
    water = line_integrals(shapes.Cylinder((0.0, 0.0, 0.0), 100.0, 300.0, value=1.0), GEOMETRY) - bone
    raw = readings(jnp.stack([water, bone]), (WATER, BONE), GEOMETRY, protocol("plain"))
    between = lambda image: float(np.mean(np.asarray(image)[in_plane(GRID) < 20]))
    plain, corrected = between(reconstruct(raw, GRID)), between(reconstruct_with_bone(raw, GRID))
    assert plain < -8
    assert abs(corrected) < 0.25 * abs(plain), (plain, corrected)


def small():
    grid = Grid((6, 6, 1), (20.0, 20.0, 5.0))
    geometry = g.circular_cone(16, 300.0, 500.0, (1, 15), (9.0, 20.0), curved=True, offset=(0.0, 3.0))
    return (
        grid,
        geometry,
        line_integrals(shapes.Gaussian((5.0, 3.0, 0.0), (30.0, 40.0, 90.0), value=1.0), geometry),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_images_are_differentiable_in_readings_protocol_and_geometry():
    grid, geometry, length = small()
    raw = readings(length[None], (WATER,), geometry, Protocol(kvp=110.0))

    def image(v):
        taken = Protocol(
            kvp=100 * v[0], mas=100 * v[1], filtration=5 * v[2], bowtie=EqualisingBowtie(160.0 * v[3], 300.0)
        )
        moved = g.circular_cone(
            16, 300 * v[4], 500.0, (1, 15), (9.0, 20.0), curved=True, offset=(0.0, 3.0 * v[5])
        )
        return jnp.mean(reconstruct(Readings(raw.signal * v[6], moved, taken), grid) ** 2) / 1e6

    assert_gradient(jax.jit(image), jnp.ones(7), tolerance=1e-5, step=1e-6, directions=1)


def test_bad_readings_are_refused():
    grid, geometry, _ = small()
    signal = np.full(geometry.sinogram_shape, 1e6, np.float32)
    taken = Protocol()
    with pytest.raises(ValueError, match="signal has shape"):
        reconstruct(Readings(signal[:5], geometry, taken), grid)
    bad = signal.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        reconstruct(Readings(bad, geometry, taken), grid)
    with pytest.raises(ValueError, match="between 0"):
        reconstruct(Readings(-signal, geometry, taken), grid)
    with pytest.raises(ValueError, match="passes is 0"):
        reconstruct_with_bone(Readings(signal, geometry, taken), grid, passes=0)


def test_pixels_without_a_photon_stay_finite():
    grid, geometry, _ = small()
    signal = np.zeros(geometry.sinogram_shape, np.float32)
    for taken in (Protocol(), Protocol(bowtie=EqualisingBowtie(160.0, 300.0))):
        assert np.all(np.isfinite(reconstruct(Readings(signal, geometry, taken), grid)))
