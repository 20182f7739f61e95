"""K-space of objects whose transforms are known: a Gaussian, a box and an ellipse, made of spins and read by a sequence."""

import functools

import numpy as np
import pytest

from physim import mri
from physim_phantoms import TISSUES, Grid, Phantom, shapes

S = mri.sequences
VIEW, MATRIX = (64.0, 48.0), (16, 12)
SCANNER = mri.Scanner()
BOX = shapes.Box((3.0, -2.0, 0.0), (22.6, 14.9, 9.0))
ELLIPSE = shapes.Ellipsoid((3.0, -2.0, 0.0), (11.3, 8.7, 6.0))


@functools.cache
def sequence() -> mri.Sequence:
    """One excitation and all of k-space: nothing relaxes."""
    return S.echo_planar(MATRIX, VIEW, np.pi / 2, region=S.Whole(1e-6), dwell=10e-6)


def answers(spins: mri.Isochromats) -> np.ndarray:
    """What a scan of spins that have no relaxation reads, without the phase of a 90° pulse."""
    return np.asarray(mri.simulate(spins, sequence(), SCANNER, encoding=mri.Direct()))[0] / 1j


def exact(body: shapes.Body) -> np.ndarray:
    return np.asarray(body.kspace(mri.kspace_of(sequence())))


@pytest.mark.usefixtures("precision")
def test_gaussian():
    body = shapes.Gaussian((3.0, -2.0, 0.0), (5.0, 3.0, 4.0))
    grid = Grid((48, 36, 1), (1.4, 1.4, 1.0), (-30.0, -27.0, 0.0))
    place = np.asarray(grid.centres()).reshape(-1, 3)
    weight = np.exp(-0.5 * (((place[:, :2] - body.centre[:2]) / body.sigma[:2]) ** 2).sum(1))
    # One sheet stands for the integral along z.
    amount = weight * grid.voxel_volume * np.sqrt(2 * np.pi) * 4.0
    truth = exact(body)
    assert np.abs(answers(mri.Isochromats(place, pd=amount)) - truth).max() < 1e-5 * np.abs(truth).max()


def voxels(body: shapes.Body, spacing: float) -> mri.Isochromats:
    """The object as a patient has it: volume fractions on a lattice, and spins in every voxel."""
    counts = (2 * round(16.0 / spacing), 2 * round(12.0 / spacing), 2 * round(7.0 / spacing))
    grid = Grid(counts, spacing, (3.0, -2.0, 0.0) - spacing * (np.array(counts) - 1) / 2)
    share = np.clip(np.asarray(body.voxelise(grid)), 0.0, 1.0)
    lasting = TISSUES["water"].replace(name="lasting", t1=100.0, t2=100.0, t2_star=100.0)
    return mri.Isochromats.from_phantom(Phantom.from_fractions(grid, {lasting: share}), per_voxel=4)


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("body", [BOX, ELLIPSE], ids=["box", "ellipse"])
def test_partial_volumes_of_sharp_objects(body):
    truth = exact(body)
    got = answers(voxels(body, 1.0))
    assert np.abs(got - truth).max() < 1.2e-2 * np.abs(truth).max()  # edges lie within voxels of 1 mm
