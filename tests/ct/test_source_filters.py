"""Bow-ties against the closed form that they are for, the heel effect against SpekPy's spectra off the axis."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.ct.geometry import circular_cone, fan_beam, parallel_beam, radiograph
from physim.ct.source import (
    ENERGIES,
    BowtieProfile,
    EqualisingBowtie,
    Filter,
    Heel,
    Protocol,
    Tube,
    beam,
    switched_kvp,
)
from physim.ct.source.heel import production_depth
from physim.ct.source.kerma import air_kerma, mean_energy
from physim_phantoms import TISSUES
from tests.helper import assert_gradient, unchecked

FAN = fan_beam(3, 541.0, 949.0, 201, 3.0, curved=True)


def photons(made, view=0):
    """Photons of every energy on the pixels of a view, "energy row column"."""
    thickness = jnp.broadcast_to(made.thickness, (made.thickness.shape[0], *made.solid_angle.shape))[:, view]
    path = jnp.einsum("fe,frc->erc", made.attenuation, thickness)
    return made.spectrum[view][:, None, None] * made.solid_angle[view] * jnp.exp(-path)


@pytest.mark.parametrize("material", ["aluminium", "graphite", "teflon"])
@pytest.mark.usefixtures("x64")
def test_bowtie_and_water_cylinder_attenuate_alike(material):
    bowtie = EqualisingBowtie(200.0, 541.0, material, centre=1.5, energy=65.0)
    made = beam(Protocol(bowtie=bowtie), FAN)
    fan = (np.arange(201) - 100) * 3.0 / 949.0
    chord = 2 * np.sqrt(np.maximum(100.0**2 - (541.0 * np.sin(fan)) ** 2, 0))
    mu = float(TISSUES["water"].attenuation(65.0))
    filter_mu = float(bowtie.material.attenuation(65.0))
    total = filter_mu * np.asarray(made.thickness)[0, 0, 0] + mu * chord
    inside = chord > 100.0  # the filter makes up for half of the diameter
    assert inside.sum() > 90
    np.testing.assert_allclose(total[inside], filter_mu * 1.5 + mu * 200.0, rtol=1e-9)
    outside = np.asarray(made.thickness)[0, 0, 0][chord == 0]
    np.testing.assert_allclose(outside, 1.5 + float(bowtie.limit), rtol=1e-9)


def test_slanted_rays_pass_more_of_a_bowtie():
    bowtie = EqualisingBowtie(320.0, 541.0)
    fan, cone = jnp.array([0.0, 0.2]), jnp.array([0.1, 0.1])
    np.testing.assert_allclose(bowtie.paths(fan, cone)[0] * np.cos(0.1), bowtie.thickness(fan), rtol=1e-6)


def test_profile_is_numpys_interpolation():
    angles, profile = np.linspace(-0.4, 0.4, 9), np.array([30, 22, 10, 3, 1, 3, 9, 21, 30.0])
    bowtie = BowtieProfile(angles, {"aluminium": profile, "graphite": profile[::-1] / 2})
    fan = np.linspace(-0.6, 0.6, 61)
    made = np.asarray(bowtie.thickness(fan))
    np.testing.assert_allclose(made[0], np.interp(fan, angles, profile), rtol=1e-5)
    np.testing.assert_allclose(made[1], np.interp(fan, angles, profile[::-1] / 2), rtol=1e-5)


def test_filters_attenuate_by_the_law():
    """Copper at 60.5 keV: NIST has 1.593 cm²/g at 60 keV, falling as E^-2.8."""
    plain, filtered = (Protocol(filters=f).fluence() for f in ((), (Filter("copper", 0.2),)))
    expected = math.exp(-1.593 * (60.5 / 60) ** -2.8 * 8.96 * 0.02)
    assert float(filtered[50] / plain[50]) == pytest.approx(expected, rel=2e-3)


# SpekPy 2.5.4: kV, anode angle (degrees), mm Al, place on the anode-cathode axis 1 m away (cm), then kerma and mean energy
# relative to the axis, the inverse-square law and the filter's obliquity taken out.
OFF_AXIS = [
    (120, 7, 6.8, -6, 0.8086, 1.0227),
    (120, 7, 6.8, -3, 0.9256, 1.0089),
    (120, 7, 6.8, 6, 1.0879, 0.9890),
    (120, 7, 6.8, 15, 1.1522, 0.9797),
    (120, 12, 6.8, -10, 0.8738, 1.0180),
    (120, 12, 6.8, -3, 0.9747, 1.0039),
    (120, 12, 6.8, 6, 1.0342, 0.9942),
    (80, 12, 6.8, -10, 0.9150, 1.0140),
    (80, 12, 6.8, 10, 1.0261, 0.9937),
    (70, 12, 2.5, -6, 0.9330, 1.0123),
    (70, 12, 2.5, 15, 1.0730, 0.9844),
]


@pytest.mark.parametrize("case", OFF_AXIS)
def test_heel_effect_is_spekpys(case):
    kvp, angle, aluminium, place, kerma, energy = case
    # A row of pixels along z, 1 m from the source; the ray of one of them goes where SpekPy's does.
    geometry = radiograph(900.0, 1000.0, (31, 1), (10.0, 10.0))
    tube = Tube(math.radians(angle), heel=Heel())
    made = beam(Protocol(kvp, filtration=aluminium, tube=tube), geometry)
    off, on = (photons(made)[:, 15 + row, 0] / made.solid_angle[0, 15 + row, 0] for row in (place, 0))
    assert float(air_kerma(off) / air_kerma(on)) == pytest.approx(kerma, rel=0.014)
    assert float(mean_energy(off) / mean_energy(on)) == pytest.approx(energy, rel=0.008)


def test_heel_follows_the_cathode():
    geometry = radiograph(900.0, 1000.0, (3, 3), (50.0, 50.0))  # columns along x, rows along z, rays along y
    signal = lambda cathode: np.asarray(
        photons(beam(Protocol(tube=Tube(heel=Heel(cathode))), geometry)).sum(0)
    )
    up, right, left = signal((0.0, 0.0, 2.0)), signal((1.0, 0.3, 0.0)), signal((-1.0, 0.0, 0.0))
    assert up[2, 1] > up[1, 1] > up[0, 1]
    np.testing.assert_allclose(up[1, 0], up[1, 2], rtol=1e-5)
    assert right[1, 2] > right[1, 1] > right[1, 0]
    np.testing.assert_allclose(right[1], left[1][::-1], rtol=1e-5)
    np.testing.assert_allclose(up.T, right, rtol=1e-5)


def test_depth_follows_the_voltage_of_each_view():
    kvp = switched_kvp((80.0, 140.0), 3)
    made = beam(Protocol(kvp, tube=Tube(heel=Heel())), circular_cone(3, 541.0, 949.0, (5, 3), (10.0, 10.0)))
    low, high = (
        float(production_depth(jnp.asarray(k), jnp.asarray(math.radians(12.0)))) for k in (80.0, 140.0)
    )
    assert 3e-4 < low < high < 4e-3
    ratio = np.asarray(made.thickness)[0, 1, 4, 1] / np.asarray(made.thickness)[0, 0, 4, 1]
    assert 1.5 < ratio < 4
    deep = Protocol(kvp, tube=Tube(heel=Heel(depth=0.01)))
    still = np.asarray(beam(deep, circular_cone(3, 541.0, 949.0, (5, 3), (10.0, 10.0))).thickness)
    np.testing.assert_allclose(still[0, 0], still[0, 1], rtol=1e-5, atol=1e-7)


@pytest.mark.usefixtures("x64")
def test_signal_is_differentiable_in_every_number_of_the_source():
    geometry = circular_cone(2, 541.0, 949.0, (3, 15), (20.0, 30.0), curved=True)
    weight = jnp.exp(-200 * TISSUES["water"].attenuation(jnp.asarray(ENERGIES))) * ENERGIES

    def signal(n):
        bowtie = EqualisingBowtie(200 * n[3], 541.0, centre=n[4], limit=30 * n[5])
        tube = Tube(0.2 * n[1], heel=Heel())
        made = beam(Protocol(110.3 * n[0], filtration=5 * n[2], tube=tube, bowtie=bowtie), geometry)
        # Rows count differently: the heel effect's slope must be seen.
        return jnp.log(jnp.einsum("e,erc,r->", weight, photons(made), jnp.array([1.0, 0.5, 0.2])))

    assert_gradient(jax.jit(signal), jnp.ones(6), tolerance=1e-6, step=1e-6, directions=4)


@pytest.mark.usefixtures("x64")
def test_signal_is_differentiable_in_a_profile_and_the_heels_depth():
    geometry = circular_cone(2, 541.0, 949.0, (3, 15), (20.0, 30.0), curved=True)

    def signal(n):
        bowtie = BowtieProfile([-0.3, -0.1, 0.0, 0.12, 0.31], {"aluminium": n[:5], "graphite": 2 * n[:5]})
        made = beam(Protocol(tube=Tube(heel=Heel(depth=n[5] / 1000)), bowtie=bowtie), geometry)
        return jnp.log(jnp.einsum("erc,r->", photons(made), jnp.array([1.0, 0.5, 0.2])))

    assert_gradient(jax.jit(signal), jnp.array([9.0, 3.0, 1.0, 4.0, 8.0, 2.0]), tolerance=1e-6, step=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Filter("coper", 0.1), "did you mean 'copper'"),
        (lambda: Filter("copper", -0.1), "thickness is -0.1; it must lie between 0 and 100 mm"),
        (lambda: EqualisingBowtie(-160.0, 595.0), "diameter is -160"),
        (lambda: EqualisingBowtie(160.0, 595.0, limit=0.0), "limit is 0 mm; it must be above 0"),
        (
            lambda: EqualisingBowtie(160.0, 595.0, energy=0.07),
            "energy is 0.07; it must lie between 10 and 150 keV",
        ),
        (lambda: BowtieProfile([0.1, 0.0], {"aluminium": [1.0, 2.0]}), "that rise"),
        (lambda: BowtieProfile([0.0, 0.1], {}), "no profile was given"),
        (lambda: BowtieProfile([0.0, 0.1], {"aluminium": [1.0]}), "one thickness for each of the 2 angles"),
        (lambda: BowtieProfile([0.0, 0.1], {"aluminium": [1.0, math.nan]}), "thickness of aluminium"),
        (lambda: Heel((0.0, 0.0, 0.0)), "cathode is"),
        (lambda: Heel(depth=-1.0), "depth is -1"),
    ],
)
def test_bad_filters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (Protocol(bowtie=EqualisingBowtie(160.0, 595.0)), "a bow-tie needs a fan"),
        (Protocol(tube=Tube(heel=Heel())), "parallel rays have no heel effect"),
    ],
)
def test_parallel_rays_have_no_bowtie_and_no_heel(protocol, message):
    with pytest.raises(ValueError, match=message):
        unchecked(beam)(protocol, parallel_beam(4, (1, 8), (1.0, 1.0)))
