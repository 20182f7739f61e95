"""Attenuation against NIST's printed values, closed forms of mixing, finite differences and refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim_phantoms import TISSUES, InputError, Tissue
from physim_phantoms.attenuation import ELEMENTS, element_coefficients
from tests.helper import assert_gradient

# J. H. Hubbell and S. M. Seltzer, NISTIR 5632 (1995), table 4, water, liquid: keV, cm²/g.
NIST_WATER = {
    10.0: 5.329,
    15.0: 1.673,
    20.0: 0.8096,
    30.0: 0.3756,
    40.0: 0.2683,
    50.0: 0.2269,
    60.0: 0.2059,
    80.0: 0.1837,
    100.0: 0.1707,
    150.0: 0.1505,
}


def total(energies):
    return sum(np.asarray(part, np.float64) for part in element_coefficients(energies))


def element(symbol, energies):
    return total(energies)[ELEMENTS.index(symbol)]


def test_water_is_nists_within_a_thousandth():
    energies = np.array(list(NIST_WATER))
    np.testing.assert_allclose(
        TISSUES["water"].mass_attenuation(energies), list(NIST_WATER.values()), rtol=1e-3
    )


def test_linear_attenuation_has_the_documented_unit():
    # 0.2059 cm²/g times 1 g/cm³ is 0.2059 per cm.
    assert float(TISSUES["water"].attenuation(60.0)) == pytest.approx(0.02059, rel=1e-3)


@pytest.mark.parametrize(
    ("symbol", "edge", "below", "above"),
    # The same report, table 3: both sides of the K edge, cm²/g.
    [("I", 33.1694, 6.553, 35.82), ("Gd", 50.2391, 3.812, 18.64)],
)
def test_absorption_edges_are_jumps(symbol, edge, below, above):
    assert element(symbol, edge - 0.02) == pytest.approx(below, rel=0.02)
    assert element(symbol, edge + 0.02) == pytest.approx(above, rel=0.02)


def test_electrons_scatter_as_klein_and_nishina_say():
    # Above the binding energies, Compton attenuation is the number of electrons times the free cross section.
    energy = 150.0
    k = energy / 510.999
    log = np.log1p(2 * k)
    cross_section = (
        2
        * np.pi
        * 2.8179403e-13**2
        * (
            (1 + k) / k**2 * (2 * (1 + k) / (1 + 2 * k) - log / k)
            + log / (2 * k)
            - (1 + 3 * k) / (1 + 2 * k) ** 2
        )
    )
    electrons_per_gram = 6.02214e23 * 6 / 12.011
    compton = element_coefficients(energy).compton[ELEMENTS.index("C")]
    assert float(compton) == pytest.approx(electrons_per_gram * cross_section, rel=0.01)


def test_photoelectric_effect_falls_with_the_cube_of_the_energy():
    values = np.asarray(element_coefficients(np.array([40.0, 80.0])).photoelectric)[ELEMENTS.index("Ca")]
    assert 2.8 < np.log2(values[0] / values[1]) < 3.3


def test_every_element_is_positive_and_known_over_the_whole_range():
    energies = np.geomspace(1.0, 300.0, 200)
    values = total(energies)
    assert values.shape == (len(ELEMENTS), 200) == (92, 200)
    assert np.all(np.isfinite(values))
    assert np.all(values > 0)


def test_the_ends_of_the_table_belong_to_it():
    for energy in (1.0, 300.0):
        inside = energy * (1.0001 if energy < 2 else 0.9999)
        np.testing.assert_allclose(total(energy), total(inside), rtol=2e-3)


def test_mixtures_add_by_mass():
    energies = np.array([30.0, 70.0])
    salty = Tissue("saline", 1.0, {"H": 0.1, "O": 0.8, "Cl": 0.1})
    expected = 0.1 * element("H", energies) + 0.8 * element("O", energies) + 0.1 * element("Cl", energies)
    np.testing.assert_allclose(salty.mass_attenuation(energies), expected, rtol=1e-5)


@pytest.mark.parametrize("energies", [60, 60.0, np.float32(60), np.array(60), jnp.array(60.0)])
def test_any_kind_of_number_is_an_energy(energies):
    value = TISSUES["water"].attenuation(energies)
    assert value.shape == ()
    assert float(value) == pytest.approx(0.02059, rel=1e-3)


def test_shape_follows_the_energies():
    grid = np.array([[20.0, 40.0, 60.0], [80.0, 100.0, 120.0]])
    values = TISSUES["liver"].attenuation(grid)
    assert values.shape == (2, 3)
    np.testing.assert_allclose(values[1, 0], TISSUES["liver"].attenuation(80.0), rtol=1e-6)


def test_derivatives_in_energy_density_and_composition(x64):
    bone = TISSUES["cortical_bone"]
    assert_gradient(
        lambda energy: jnp.sum(bone.attenuation(energy)), jnp.array([31.3, 63.7, 111.1]), 1e-6, 1e-4
    )
    assert_gradient(lambda density: bone.replace(density=density).attenuation(60.0), jnp.array(1.9))

    def calcium(part):
        composition = {"H": 0.05, "O": 0.95 - part[0], "Ca": part[0]}
        return jnp.sum(bone.replace(composition=composition).attenuation(np.array([40.0, 60.0])))

    assert_gradient(calcium, jnp.array([0.2]))


def test_precisions_agree(x64):
    energies = np.array([21.7, 64.2, 139.0])
    double = TISSUES["enhancing_tumour"].attenuation(energies)
    single = TISSUES["enhancing_tumour"].attenuation(energies.astype(np.float32))
    assert double.dtype == np.float64
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=2e-6)


def test_jit_and_vmap_give_the_same():
    energies = jnp.linspace(20.0, 140.0, 7)
    liver = TISSUES["liver"]
    np.testing.assert_allclose(jax.jit(liver.attenuation)(energies), liver.attenuation(energies), rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(liver.attenuation)(energies), liver.attenuation(energies), rtol=1e-6)


@pytest.mark.parametrize("energy", [0.5, 0.0, -60.0, 301.0, np.nan, np.inf, np.array([60.0, np.nan])])
def test_energies_outside_the_table_are_refused(energy):
    with pytest.raises(InputError, match="outside 1-300 keV"):
        TISSUES["water"].attenuation(energy)


def test_electronvolts_are_recognised():
    with pytest.raises(InputError, match="divide electronvolts by 1000"):
        TISSUES["water"].attenuation(60000.0)


@pytest.mark.parametrize("energies", [[], np.array([])])
def test_no_energy_is_refused(energies):
    with pytest.raises(InputError, match="no photon energy"):
        TISSUES["water"].attenuation(energies)


def test_text_is_no_energy():
    with pytest.raises(InputError, match="must be numbers in keV"):
        TISSUES["water"].attenuation("60 keV")
