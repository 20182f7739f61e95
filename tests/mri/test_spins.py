"""Isochromats: where they sit, what they weigh, how they dephase, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from physim.mri.lattice import lattice
from physim.mri.spin_values import per_spin
from physim_phantoms import Grid, InputError, Phantom
from tests.helper import nrmse, unchecked
from tests.mri.instant import pulse

CENTRE = np.zeros((1, 3))


@pytest.mark.parametrize("count", [1, 2, 7, 16, 60])
def test_whole_cycles_across_a_voxel_cancel_exactly(count):
    points = lattice(count)
    assert points.shape == (count, 4)
    assert np.all((points >= -0.5) & (points < 0.5))
    assert np.allclose(points.mean(0), 0, atol=1e-12)
    for axis in range(4):
        for cycles in range(1, count):
            assert abs(np.exp(2j * np.pi * cycles * points[:, axis]).sum()) < 1e-9


def test_spins_of_a_phantom_weigh_its_protons():
    grid = Grid((3, 2, 2), (2.0, 1.0, 4.0))
    water = np.zeros(grid.shape, np.float32)
    water[1, 0, 1], water[2, 1, 0] = 1.0, 0.25
    fat = np.zeros_like(water)
    fat[2, 1, 0] = 0.75
    patient = Phantom.from_fractions(grid, {"water": water, "adipose": fat})
    spins = mri.Isochromats.from_phantom(patient, per_voxel=8)
    assert spins.count == 3 * 8
    density = patient.map("proton_density")
    assert float(spins.pd.sum()) == pytest.approx(float(density.sum()) * 8.0, rel=1e-5)
    place = np.asarray(spins.position)
    centre = np.asarray(grid.centres())[1, 0, 1]
    mine = place[np.all(np.abs(place - centre) <= np.array([1.0, 0.5, 2.0]) + 1e-6, axis=1)]
    assert len(mine) == 8
    assert np.allclose(mine.mean(0), centre, atol=1e-5)


def test_spread_of_frequencies_decays_with_t2_prime():
    spins = mri.Isochromats(np.zeros((4000, 3)), pd=1 / 4000, t2=0.05, t2_prime=0.03)
    adc = mri.Adc(40, 10**9)
    got = np.abs(
        mri.simulate(spins, mri.Sequence([pulse(np.pi / 2), mri.Block(adc.end, adc=adc)]), mri.Scanner())[0]
    )
    time = (np.arange(40) + 0.5) * 1e-3
    assert nrmse(got, np.exp(-time / 0.05 - time / 0.03)) < 2e-3


def test_phantom_is_differentiable_in_its_fractions():
    grid = Grid((2, 2, 2), 1.0)
    adc = mri.Adc(1, 10**6)
    program = mri.compile_sequence(mri.Sequence([pulse(np.pi / 2), mri.Block(10**9, adc=adc)]))

    def loss(share):
        maps = {
            "water": jnp.full(grid.shape, 0.5) * share,
            "grey_matter": jnp.full(grid.shape, 0.5) * (1 - share),
        }
        patient = Phantom.from_fractions(grid, maps)
        return jnp.abs(mri.simulate(mri.Isochromats.from_phantom(patient, 2), program, mri.Scanner()))[0, 0]

    slope = (float(loss(0.61)) - float(loss(0.59))) / 0.02
    assert float(jax.jvp(loss, (0.6,), (1.0,))[1]) == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"t1": 0.0}, "t1 of spin 0 is 0 s"),
        ({"t2": np.array([0.1, -1.0])}, "t2 of spin 1 is -1 s"),
        ({"t1": 1.0, "t2": np.array([0.5, 2.5])}, "t2 of spin 1 is 2.5 s"),
        ({"pd": np.nan}, "pd has 1 NaN"),
        ({"t1": np.nan}, "t1 of spin 0 is nan s"),
        ({"diffusivity": 1e-3}, "do not diffuse"),
    ],
)
def test_impossible_spins_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        mri.Isochromats(np.zeros((2, 3)), **values)


def test_a_phantom_without_protons_is_refused():
    grid = Grid((2, 2, 2), 1.0)
    patient = Phantom.from_fractions(grid, {"air": np.ones(grid.shape, np.float32)})
    with pytest.raises(InputError, match="nothing in this phantom has protons"):
        mri.Isochromats.from_phantom(patient)


def test_values_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"b1 has shape \(3,\); .* each of 2 spins"):
        unchecked(per_spin)("b1", np.ones(3), 2)
