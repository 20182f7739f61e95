"""Scans tissue by tissue: against spins in every voxel, diffusivities, coils, slices, places and refusals."""

import jax
import numpy as np
import pytest

from physim import mri
from physim.mri.tissue_scan import tissue_answers
from physim_phantoms import TISSUES, Grid, Phantom

S = mri.sequences
SCANNER = mri.Scanner(noise=0.0)
KEY = jax.random.key(0)
GRID = Grid((16, 12, 1), (4.0, 4.0, 4.0))
MATRIX, VIEW = (16, 12), (64.0, 48.0)


def two_tissues(grid: Grid = GRID) -> Phantom:
    grey, csf = np.zeros((2, *grid.shape), np.float32)
    grey[3:9, 2:9], csf[6:13, 5:10] = 0.7, 0.3
    return Phantom.from_fractions(grid, {"grey_matter": grey, "csf": csf})


def voxels(raw: mri.KSpace) -> np.ndarray:
    """What voxels that are boxes do to k-space."""
    kx, ky, _ = raw.frequencies()
    return np.sinc(kx * 4.0)[:, None, None] * np.sinc(ky * 4.0)[None, :, None]


def test_spin_echo_is_that_of_spins_in_every_voxel():
    sequence = S.spin_echo(MATRIX, VIEW, te=20e-3, tr=1.0, region=S.Whole(), dwell=10e-6)
    truth = mri.scan(two_tissues(), sequence, SCANNER, KEY, per_voxel=251)
    made = mri.scan_tissues(two_tissues(), sequence, SCANNER, KEY, spins=251)
    assert made.samples.shape == (1, 16, 12, 1)
    error = np.asarray(truth.samples) - np.asarray(made.samples[0]) * voxels(truth)
    assert np.linalg.norm(error) < 0.01 * np.linalg.norm(truth.samples)


def test_spoiled_echoes_are_those_of_many_spins_in_one_voxel():
    """At k = 0 along the read-out, where a voxel that is a box sees no other path."""
    sequence = S.spoiled_gradient_echo(MATRIX, VIEW, 0.4, tr=20e-3, te=6e-3, region=S.Whole(), dwell=10e-6)
    one = np.zeros(GRID.shape, np.float32)
    one[8, 6] = 1.0
    voxel = Phantom.from_fractions(GRID, {"grey_matter": one})
    made = np.asarray(mri.scan_tissues(voxel, sequence, SCANNER, KEY, spins=2003).samples)[0, 8, :, 0]
    raw = mri.scan(voxel, sequence, SCANNER, KEY, per_voxel=2003)
    truth, factor = np.asarray(raw.samples)[8, :, 0], voxels(raw)[8, :, 0]
    assert np.linalg.norm(made * factor - truth) < 0.015 * np.linalg.norm(truth)
    assert np.abs(truth).max() > 1.5 * np.abs(truth).min()  # the lines are on the way to the steady state


def test_diffusivity_of_every_tissue():
    def echoes(b_value: float):
        sequence = S.diffusion_echo_planar((16, 12), VIEW, b_value, te=130e-3, region=S.Whole(), dwell=16e-6)
        return np.asarray(tissue_answers(two_tissues(), sequence, SCANNER, 61)), sequence

    (plain, light), (weighted, heavy) = echoes(0.0), echoes(800.0)
    b = np.trace(mri.b_matrix(heavy)) - np.trace(mri.b_matrix(light))
    assert 780 < b < 830
    middle = plain.shape[1] // 2
    found = np.log(np.abs(plain[:, middle] / weighted[:, middle])) / b
    names = [name for name in two_tissues().names if name != "air"]
    truth = [float(TISSUES[name].value("diffusivity")) for name in names]
    assert len(names) == 2
    assert np.allclose(found, truth, atol=2e-6)


def test_coils_hear_by_their_sensitivity():
    sequence = S.spin_echo(MATRIX, VIEW, te=20e-3, tr=1.0, region=S.Whole(), dwell=10e-6)
    factors = np.array([0.5 - 0.2j, 1.3j], np.complex64)
    maps = mri.Maps(GRID, np.broadcast_to(factors[:, None, None, None], (2, *GRID.shape)))
    one = mri.scan_tissues(two_tissues(), sequence, SCANNER, KEY, spins=17)
    two = mri.scan_tissues(two_tissues(), sequence, mri.Scanner(noise=0.0, receive=maps), KEY, spins=17)
    assert two.coils == 2
    assert np.allclose(two.samples, factors[:, None, None, None, None] * one.samples[None], atol=1e-3)


def test_slices_are_means_of_their_planes_and_lie_where_the_patient_lies():
    grid = Grid((16, 12, 4), (4.0, 4.0, 2.0), origin=(-20.0, 10.0, 50.0))
    csf = np.zeros(grid.shape, np.float32)
    csf[4:12, 3:9] = np.array([1.0, 0.5, 0.25, 0.25])
    sequence = S.spin_echo(MATRIX, VIEW, te=20e-3, tr=1.0, region=S.Slice(4.0), dwell=10e-6)
    raw = mri.scan_tissues(Phantom.from_fractions(grid, {"csf": csf}), sequence, SCANNER, KEY, spins=17)
    assert raw.samples.shape == (2, 16, 12, 1)
    first, second = np.asarray(mri.reconstruct(raw))[..., 0]
    assert np.allclose(first, 3 * second, rtol=1e-4, atol=1e-5)
    assert np.allclose(raw.grid.centre, grid.centre)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"view": (60.0, 48.0)}, "must be equal"),
        ({"region": S.Slice(3.0)}, "do not fill"),
        ({"scanner": mri.Scanner(b0=mri.SusceptibilityField())}, "SusceptibilityField"),
        ({"scanner": mri.Scanner(gradients=mri.GradientSystem(delays=(1e-6, 0.0, 0.0)))}, "not ideal"),
    ],
)
def test_refusals(change, message):
    view, region = change.get("view", VIEW), change.get("region", S.Whole())
    sequence = S.spin_echo(MATRIX, view, te=20e-3, tr=1.0, region=region, dwell=10e-6)
    with pytest.raises(ValueError, match=message):
        mri.scan_tissues(two_tissues(), sequence, change.get("scanner", SCANNER), KEY, spins=17)
