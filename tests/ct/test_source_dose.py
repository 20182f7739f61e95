"""Dose: the AAPM's Monte Carlo, reports and size factors, closed forms, and what scanners are known to give."""

import math
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import ctdi_monte_carlo as monte_carlo

from physim.ct.geometry import circular_cone, helical_cone, parallel_beam
from physim.ct.source import ENERGIES, BowtieProfile, EqualisingBowtie, Protocol
from physim.ct.source.dose import (
    BODY_PHANTOM,
    HEAD_PHANTOM,
    _table,
    dose,
    water_equivalent_diameter,
)
from physim.ct.source.kerma import air_kerma, mass_energy_absorption
from physim_phantoms import TISSUES, Grid, Phantom
from tests.helper import assert_gradient

AXIAL = circular_cone(8, 541.0, 949.0, (16, 40), (2.0, 20.0), curved=True)


def weighted(made):
    return float(made.centre / 3 + 2 * made.periphery / 3)


@pytest.mark.parametrize("beam", [10.0, 80.0])
def test_monte_carlo_behind_the_table_is_report_195s(beam):
    """Energy left in two rods of a body phantom: four codes agree within 1 % there (Sechopoulos et al., 2015, case 4)."""
    centre, periphery = monte_carlo.rods(beam, 300_000)
    assert centre == pytest.approx(monte_carlo.REPORT_195[beam][0], rel=0.04)
    assert periphery == pytest.approx(monte_carlo.REPORT_195[beam][1], rel=0.02)


@pytest.mark.parametrize(("diameter", "energy"), [(160.0, 50.5), (320.0, 90.5)])
def test_table_is_the_monte_carlos(diameter, energy):
    """Other random numbers; one energy's statistical error is 2 %, and the table's is smoothed over three."""
    made = monte_carlo.kerma_length(energy, diameter, 3_000, seed=9).sum(-1)
    row = int(energy) - 10
    table = np.mean(_table()[diameter][:, :, row - 1 : row + 2].sum(1), axis=-1)
    np.testing.assert_allclose(made, table, rtol=0.06)


def test_scanners_give_what_they_are_known_to():
    """16 and 32 cm, 120 kV: weighted CTDI of 0.12-0.24 and 0.05-0.12 mGy/mAs, periphery over centre 0.8-1.25 and 1.4-2.6.

    Ranges that published scanners' tables lie in; a bow-tie that equalises a body halfway.
    """
    bowtie = EqualisingBowtie(320.0, 541.0, limit=20.0)
    protocol = Protocol(120.0, 100.0, bowtie=bowtie)
    head, body = dose(protocol, AXIAL, HEAD_PHANTOM), dose(protocol, AXIAL, BODY_PHANTOM)
    assert 12 < weighted(head) < 24
    assert 5 < weighted(body) < 12
    assert 0.8 < float(head.periphery / head.centre) < 1.25
    assert 1.4 < float(body.periphery / body.centre) < 2.6


def test_dose_goes_with_charge_and_inverse_square():
    one = dose(Protocol(120.0, 100.0), AXIAL)
    assert weighted(dose(Protocol(120.0, 250.0), AXIAL)) == pytest.approx(2.5 * weighted(one), rel=1e-5)
    far = circular_cone(8, 2 * 541.0, 4 * 541.0, (16, 40), (2.0, 20.0))
    # The centre sees the photons of the axis, whose number per mm² falls to a quarter.
    assert float(dose(Protocol(120.0, 100.0), far).centre / one.centre) == pytest.approx(0.25, rel=0.02)


def test_phantom_much_thinner_than_a_photons_path_would_see_the_air_kerma(monkeypatch):
    """Summed over strips, unattenuated rays give a rod on the axis the air kerma: the units and the 1/R are right."""
    strips, rod = 400, 5.0
    width = 80.0 / strips
    s = (np.arange(strips) + 0.5) * width
    chords = 2 * np.sqrt(np.maximum(rod**2 - s**2, 0)) / (math.pi * rod**2)
    per_photon = ENERGIES * np.asarray(mass_energy_absorption(TISSUES["air"], ENERGIES))
    fake = {160.0: np.stack([chords[:, None] * per_photon] * 2)}
    protocol = Protocol(120.0, 100.0)
    monkeypatch.setattr(sys.modules["physim.ct.source.dose"], "_table", lambda: fake)
    centre = dose(protocol, AXIAL, HEAD_PHANTOM).centre
    kerma = air_kerma(protocol.fluence()) * (1000 / 541.0) ** 2
    assert float(centre / kerma) == pytest.approx(1, rel=2e-3)


def test_bowtie_that_stops_all_off_axis_photons_spares_the_periphery():
    stops = BowtieProfile([-0.06, -0.03, 0.03, 0.06], {"lead": [10.0, 0.0, 0.0, 10.0]})
    bare, shaded = dose(Protocol(), AXIAL), dose(Protocol(bowtie=stops), AXIAL)
    assert float(shaded.periphery / bare.periphery) < 0.15
    assert float(shaded.centre / bare.centre) > 0.25


def test_helical_scan_spreads_the_charge_over_its_length():
    """3 turns at a feed of 30 mm: CTDIvol is weighted CTDI per turn over pitch; DLP that of one place with all of it."""
    helix = helical_cone(32, 3.0, 30.0, 541.0, 949.0, (16, 40), (2.0, 20.0))
    made, axial = dose(Protocol(120.0, 300.0), helix), dose(Protocol(120.0, 100.0), AXIAL)
    collimation = 32.0 * 541 / 949
    assert float(axial.ctdi_vol) == pytest.approx(weighted(axial), rel=1e-6)
    assert float(made.ctdi_vol) == pytest.approx(weighted(axial) * collimation / 30.0, rel=1e-4)
    assert float(made.dose_length_product) == pytest.approx(3 * float(axial.dose_length_product), rel=1e-4)
    assert float(axial.dose_length_product) == pytest.approx(weighted(axial) * collimation, rel=1e-5)


@pytest.mark.parametrize(
    ("phantom", "diameter", "factor"), [(BODY_PHANTOM, 300.0, 1.23), (HEAD_PHANTOM, 160.0, 1.01)]
)
def test_size_specific_factor_is_report_204s(phantom, diameter, factor):
    """Tables 1D and 2D of AAPM Report 204 as published, to their two decimals."""
    made = dose(Protocol(), AXIAL, phantom)
    assert float(made.size_specific(diameter) / made.ctdi_vol) == pytest.approx(factor, abs=0.006)


def test_water_cylinder_has_its_own_diameter():
    grid = Grid((120, 120, 3), (2.0, 2.0, 5.0))
    x, y, _ = (np.asarray(a) for a in grid.axes())
    water = (np.hypot(x[:, None], y[None, :]) < 100.0)[..., None].repeat(3, 2).astype(np.float32)
    phantom = Phantom.from_fractions(grid, {"water": water})
    np.testing.assert_allclose(water_equivalent_diameter(phantom), 200.0, rtol=2e-3)
    lung = Phantom.from_fractions(grid, {"lung": water})
    assert float(water_equivalent_diameter(lung)[0]) < 150.0


@pytest.mark.usefixtures("x64")
def test_dose_is_differentiable():
    def vol(n):
        bowtie = EqualisingBowtie(250 * n[3], 541.0, limit=20 * n[4])
        made = dose(Protocol(110.3 * n[0], 100 * n[1], filtration=5 * n[2], bowtie=bowtie), AXIAL)
        return jnp.log(made.size_specific(250.0))

    assert_gradient(jax.jit(vol), jnp.ones(5), tolerance=1e-6, step=1e-6)


def test_no_dose_without_a_source():
    with pytest.raises(ValueError, match="parallel rays have no dose"):
        dose(Protocol(), parallel_beam(4, (1, 8), (1.0, 1.0)))
    with pytest.raises(ValueError, match="diameter is 5"):
        dose(Protocol(), AXIAL).size_specific(5.0)
