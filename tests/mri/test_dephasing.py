"""The warning of too few spins: it speaks where a converged run says that the image is wrong, and is silent elsewhere."""

import re
import warnings

import jax
import numpy as np
import pytest

from physim import mri
from physim.mri import dephasing
from physim.mri.dephasing import warn_of_dephasing
from physim.mri.diffusing import warn_of_diffusion
from physim_phantoms import Grid, Phantom
from tests.helper import nrmse

S = mri.sequences
GRID, MATRIX, VIEW = Grid((8, 6, 1), (4.0, 4.0, 5.0)), (8, 6), (32.0, 24.0)
SCANNER, KEY = mri.Scanner(noise=0.0), jax.random.key(0)
COMMON = {"region": S.Whole(), "dwell": 20e-6}


def patient() -> Phantom:
    share = np.zeros(GRID.shape)
    share[2:6, 1:5] = 1.0
    return Phantom.from_fractions(GRID, {"grey_matter": share})


def spoiled() -> mri.Sequence:
    return S.spoiled_gradient_echo(MATRIX, VIEW, np.radians(20), tr=12e-3, te=5e-3, dummies=20, **COMMON)


def samples(sequence: mri.Sequence, per_voxel: int | None = None) -> np.ndarray:
    return np.asarray(mri.scan(patient(), sequence, SCANNER, KEY, per_voxel=per_voxel).samples)


def test_warns_where_spoiled_magnetisation_comes_back_and_names_a_number_that_does():
    """Four cycles a repetition: with 16 spins what was made four repetitions ago is in phase again."""
    with pytest.warns(
        mri.DephasingWarning, match=r"16 cycles .* 16 spins per voxel .* write per_voxel=\d+"
    ) as seen:
        few = samples(spoiled(), 16)
    assert len(seen) == 1
    enough = int(re.search(r"per_voxel=(\d+)", str(seen[0].message))[1])  # type: ignore[index]
    truth = samples(spoiled(), 2003)
    assert nrmse(samples(spoiled()), truth) < 0.05  # by default as many as it takes, and no warning
    assert nrmse(few, truth) > 0.1
    single = mri.spins_in(patient(), SCANNER, 1)
    assert enough == dephasing.spins_enough(mri.compile_sequence(spoiled()), single, GRID)


def test_by_default_there_are_as_many_spins_as_it_takes_and_as_there_is_room_for(monkeypatch):
    single = mri.spins_in(patient(), SCANNER, 1)
    program = mri.compile_sequence(spoiled())
    enough = dephasing.spins_enough(program, single, GRID)
    assert 61 < enough < 1021
    balanced = mri.compile_sequence(S.balanced_ssfp(MATRIX, VIEW, tr=8e-3, **COMMON))
    assert dephasing.spins_enough(balanced, single, GRID) == 16
    monkeypatch.setattr(dephasing, "ROOM", 61 * single.count)
    assert dephasing.spins_enough(program, single, GRID) == 61
    monkeypatch.setattr(dephasing, "ROOM", 1)
    assert dephasing.spins_enough(program, single, GRID) == 16
    with pytest.warns(mri.DephasingWarning):
        samples(spoiled())


def refocused(flip: float) -> mri.Sequence:
    return S.turbo_spin_echo(MATRIX, VIEW, te=20e-3, tr=0.5, echo_train=3, refocusing=flip, **COMMON)


def test_weak_refocusing_needs_spins_and_full_refocusing_does_not():
    program = mri.compile_sequence(refocused(2.4))
    with pytest.warns(mri.DephasingWarning, match="1 spins per voxel"):
        warn_of_dephasing(program, mri.spins_in(patient(), SCANNER, 1), 1, GRID)
    samples(refocused(np.pi), 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: S.echo_planar(MATRIX, VIEW, **COMMON),
        lambda: S.balanced_ssfp(MATRIX, VIEW, tr=8e-3, **COMMON),
        lambda: S.spin_echo(MATRIX, VIEW, te=20e-3, tr=2.0, preparation=S.Inversion(0.5), **COMMON),
    ],
    ids=["echo-planar", "balanced", "inverted"],
)
def test_is_silent_where_nothing_comes_back(make):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_dephasing(mri.compile_sequence(make()), mri.spins_in(patient(), SCANNER, 16), 16, GRID)
    assert told == []


def test_warns_of_a_weighting_that_points_do_not_have():
    weighted = S.diffusion_echo_planar(MATRIX, VIEW, 800.0, te=90e-3, dwell=20e-6, region=S.Whole())
    with pytest.warns(mri.DiffusionWarning, match=r"b is 8\d\d.* of the signal of .* spins=mri.voxels_in"):
        warn_of_diffusion(weighted, patient())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_diffusion(spoiled(), patient())
        warn_of_diffusion(refocused(np.pi), patient())
    assert told == []


def test_where_no_number_is_enough_phase_graphs_are_named(monkeypatch):
    monkeypatch.setattr(dephasing, "NUMBERS", (17,))
    program = mri.compile_sequence(spoiled())
    with pytest.warns(mri.DephasingWarning, match=r"would not: take phase graphs"):
        warn_of_dephasing(program, mri.spins_in(patient(), SCANNER, 17), 17, GRID)
