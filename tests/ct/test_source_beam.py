"""Protocols, the charge's way to the views, and what reaches a pixel."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct.geometry import circular_cone, helical_cone, parallel_beam
from physim.ct.source import (
    ENERGIES,
    AngularModulation,
    AttenuationModulation,
    AxialModulation,
    CurrentPerView,
    Filter,
    Protocol,
    Together,
    Tube,
    beam,
    switched_kvp,
)
from physim.ct.source.modulation import shares
from physim_phantoms import TISSUES, Grid, Phantom
from tests.helper import assert_gradient

CONE = circular_cone(12, 541.0, 949.0, (3, 40), (5.0, 15.0), curved=True)
PARALLEL = parallel_beam(12, (1, 60), (1.0, 5.0))
HELIX = helical_cone(8, 3.0, 40.0, 541.0, 949.0, (4, 40), (10.0, 15.0))


def test_photons_on_a_pixel_are_fluence_times_area():
    made, fluence = beam(Protocol(100.0, 24.0), CONE), Protocol(100.0, 24.0).fluence()
    assert made.attenuation.shape == (0, ENERGIES.size)
    assert made.thickness.shape == (0, 1, 1, 1)
    middle = np.asarray(made.spectrum[5] * made.solid_angle[5, 1, 20])
    slant = math.cos(math.atan(7.5 / 949.0))
    area = 5.0 * 15.0 * (1000 / 949.0) ** 2
    np.testing.assert_allclose(middle, np.asarray(fluence) / 12 * area, rtol=2e-4 / slant)


@pytest.mark.parametrize("geometry", [CONE, HELIX], ids=["circle", "helix"])
@pytest.mark.parametrize(
    "make",
    [
        lambda n: None,
        lambda n: AngularModulation(0.4),
        lambda n: AttenuationModulation(jnp.linspace(1.0, 6.0, n)),
        lambda n: AxialModulation([-30.0, 20.0], [1.0, 3.0]),
        lambda n: CurrentPerView(jnp.linspace(1.0, 2.0, n)),
        lambda n: Together((AngularModulation(0.4), AxialModulation([-30.0, 20.0], [1.0, 3.0]))),
    ],
    ids=["none", "angular", "attenuation", "axial", "given", "together"],
)
def test_shares_sum_to_the_charge(make, geometry):
    modulation = make(geometry.sinogram_shape[0])
    made = shares(modulation, geometry)
    assert float(jnp.sum(made)) == pytest.approx(1, rel=1e-6)
    assert np.all(np.asarray(made) > 0)
    total = jnp.sum(beam(Protocol(90.0, 50.0, modulation=modulation), geometry).spectrum, axis=0)
    np.testing.assert_allclose(total, 1e6 * Protocol(90.0, 50.0).fluence(), rtol=1e-5)


def test_angular_modulation_is_a_cosine_of_twice_the_angle():
    made = np.asarray(shares(AngularModulation(0.5, 0.3), PARALLEL))
    angles = np.asarray(PARALLEL.angles)
    np.testing.assert_allclose(made, (1 + 0.5 * np.cos(2 * (angles - 0.3))) / 12, rtol=1e-5)


def test_axial_modulation_follows_the_source():
    made = np.asarray(AxialModulation([-30.0, 20.0], [1.0, 3.0]).current(HELIX))
    np.testing.assert_allclose(made, np.interp(np.asarray(HELIX.source)[:, 2], [-30, 20], [1, 3]), rtol=1e-5)


def ellipse(half_x, half_y):
    grid = Grid((80, 60, 4), (5.0, 5.0, 20.0))
    x, y, _ = (np.asarray(a) for a in grid.axes())
    inside = (x[:, None] / half_x) ** 2 + (y[None, :] / half_y) ** 2 < 1
    return Phantom.from_fractions(grid, {"water": np.repeat(inside[..., None], 4, axis=2).astype(np.float32)})


@pytest.mark.parametrize("geometry", [PARALLEL, CONE], ids=["parallel", "cone"])
def test_current_follows_the_patients_attenuation(geometry):
    """An ellipse's widths are chords through its middle: 2 b along y at angle 0, 2 a along x at a right angle."""
    modulation = AttenuationModulation.of_patient(ellipse(160.0, 100.0), geometry, energy=60.0)
    mu = float(TISSUES["water"].attenuation(60.0))
    quarter = 6 if geometry is PARALLEL else 3
    assert float(modulation.attenuation[0]) == pytest.approx(200 * mu, rel=0.04)
    assert float(modulation.attenuation[quarter]) == pytest.approx(320 * mu, rel=0.04)
    ratio = shares(modulation, geometry)[quarter] / shares(modulation, geometry)[0]
    assert float(ratio) == pytest.approx(math.exp(0.5 * 120 * mu), rel=0.15)


def test_square_root_of_the_attenuation_gives_the_least_noise():
    """Σ 1 / (share_v exp(−A_v)) is the variance of the middle of the image; at 0.5 it is smallest."""
    attenuation = jnp.asarray([2.0, 3.0, 5.0, 6.0, 4.0, 2.5, 2.0, 3.0, 5.0, 6.0, 4.0, 2.5])
    variance = lambda strength: float(
        jnp.sum(jnp.exp(attenuation) / shares(AttenuationModulation(attenuation, strength, 0.0), CONE))
    )
    assert variance(0.5) < min(variance(0.4), variance(0.6), variance(0.0), variance(1.0))


def test_switching_alternates_and_keeps_the_charge():
    kvp = switched_kvp((80.0, 140.0), 12, period=2)
    np.testing.assert_array_equal(kvp, [80, 80, 140, 140] * 3)
    made = beam(Protocol(kvp, 30.0), CONE)
    for view, voltage in ((1, 80.0), (2, 140.0)):
        alone = beam(Protocol(voltage, 30.0), CONE).spectrum[view]
        np.testing.assert_allclose(made.spectrum[view], alone, rtol=1e-5)


@pytest.mark.usefixtures("x64")
def test_charge_shares_are_differentiable():
    weight = jnp.arange(12.0) ** 2

    def signal(n):
        parts = (
            AngularModulation(0.4 * n[0], 0.2 + n[1]),
            AttenuationModulation(jnp.sin(weight) + 2 * n[2], 0.5 * n[3], 0.2),
        )
        kvp = switched_kvp((80.0 * n[4], 140.0), 12)
        return jnp.log(jnp.sum(weight @ beam(Protocol(kvp, 10.0, modulation=Together(parts)), CONE).spectrum))

    assert_gradient(jax.jit(signal), jnp.array([1.0, 0.1, 1.0, 1.0, 1.001]), tolerance=1e-6, step=1e-6)


def test_one_compilation_serves_all_numbers():
    count = 0

    @jax.jit
    def total(protocol):
        nonlocal count
        count += 1
        return jnp.sum(beam(protocol, CONE).spectrum)

    for kvp, filtration in ((80.0, 3.0), (120.0, 7.0)):
        assert float(total(Protocol(kvp, filtration=filtration))) > 0
    assert count == 1
    many = jax.vmap(lambda kvp: jnp.sum(beam(Protocol(kvp), CONE).spectrum))(jnp.array([80.0, 120.0]))
    assert float(many[1]) == pytest.approx(float(jnp.sum(beam(Protocol(120.0), CONE).spectrum)), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Protocol(kvp=200.0), "kvp is 200; it must lie between 40 and 150 kV"),
        (lambda: Protocol(kvp=np.array([80.0, math.nan])), "kvp is values from nan to nan"),
        (lambda: Protocol(kvp=np.ones((2, 2)) * 80), "kvp has shape"),
        (lambda: Protocol(mas=-5.0), "mas is -5"),
        (lambda: Protocol(mas=0.0), "mas is 0"),
        (lambda: Protocol(mas=np.array([1.0, 2.0])), r"mas has shape \(2,\)"),
        (lambda: Protocol(filtration=0.0), "filtration is 0"),
        (lambda: Protocol(rotation_time=math.nan), "rotation_time is nan"),
        (lambda: Protocol(filters=("tin",)), 'write for example \\(Filter\\("tin", 0.4\\),\\)'),
        (lambda: Tube(anode_angle=12.0), "write math.radians"),
        (lambda: Tube(focal_spot=(1.0, -1.0)), "focal_spot is values from -1 to 1"),
        (lambda: AngularModulation(1.5), "depth is 1.5"),
        (lambda: AttenuationModulation(np.array([1.0, np.nan])), "1 NaN"),
        (lambda: AxialModulation([0.0, 0.0], [1.0, 1.0]), "positions must rise"),
        (lambda: AxialModulation([0.0], [1.0]), "two or more"),
        (lambda: CurrentPerView(np.array([1.0, 0.0])), "currents is values from 0 to 1"),
        (lambda: switched_kvp((), 4), "no voltage was given"),
        (lambda: beam(Protocol(np.array([80.0, 140.0])), CONE), "kvp is for 2 views and the geometry has 12"),
        (lambda: shares(CurrentPerView(np.ones(3)), CONE), "currents is for 3 views"),
        (lambda: shares(AxialModulation([0.0, 1.0], [1.0, 1.0]), PARALLEL), "no focal spot"),
    ],
)
def test_bad_protocols_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_filter_needs_no_tuple():
    assert Protocol(filters=Filter("tin", 0.4)).filters[0].material.name == "tin"
