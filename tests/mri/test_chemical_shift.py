"""Fat precesses more slowly than water: the sign in a free induction decay, where an image has it, and saturation."""

import equinox as eqx
import jax
import numpy as np
import pytest

from physim import mri
from physim_phantoms import TISSUES, Grid, Phantom
from tests.helper import assert_gradient
from tests.mri.instant import pulse

S = mri.sequences
RATE = 42.577478518  # Hz/mm per mT/m, and Hz per ppm and T
SHIFT = -3.4  # ppm
KEY = jax.random.key(0)
FAT = TISSUES["adipose"].replace(name="lasting_fat", t1=100.0, t2=100.0, t2_star=100.0)


def voxel(tissue) -> Phantom:
    return Phantom.from_fractions(Grid((1, 1, 1), 2.0), {tissue: np.ones((1, 1, 1))})


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("field", [1.5, 3.0])
def test_free_induction_turns_backwards(field):
    """exp(−2πi f t) with f = −3.4 ppm: counter-clockwise beside water."""
    adc = mri.Adc(50, 10**8)
    scanner = mri.Scanner(field=field)
    sequence = mri.Sequence([pulse(np.pi / 2), mri.Block(adc.end, adc=adc)])
    time = (np.arange(50) + 0.5) * 1e-4
    truth = 1j * np.exp(-2j * np.pi * SHIFT * RATE * field * time - time / 100.0)
    for spins in (mri.spins_in(voxel(FAT), scanner, 1), mri.voxels_in(voxel(FAT), scanner)):
        got = np.asarray(mri.simulate(spins, sequence, scanner))[0]
        assert np.abs(got / np.abs(got[0]) - truth).max() < 1e-5


def line_image(tissue, dwell: float) -> float:
    """Centre of mass along the read-out (x) of an image of one voxel of a tissue, mm."""
    grid = Grid((32, 4, 1), (4.0, 16.0, 5.0))
    one = np.zeros(grid.shape)
    one[16, 2, 0] = 1.0
    quick = tissue.replace(t2=8e-3, t2_star=8e-3)  # what was excited before has decayed
    patient = Phantom.from_fractions(grid, {quick: one})
    sequence = S.spoiled_gradient_echo(
        (32, 4), (128.0, 64.0), 0.3, tr=24e-3, te=12e-3, region=S.Whole(), dwell=dwell
    )
    image = np.asarray(
        mri.reconstruct(mri.scan(patient, sequence, mri.Scanner(noise=0.0), KEY, per_voxel=17))
    )[:, 2, 0]
    power = np.where(image > 0.3 * image.max(), image, 0) ** 2
    return float(power @ (np.arange(32) - 15.5) * 4.0 / power.sum())


def test_an_image_has_fat_displaced_by_its_frequency_over_the_gradient():
    """Displacement f / (γ/2π G) against the read-out gradient, which points along +x: fat moves to −x."""
    dwell, patient_field = 200e-6, 3.0
    gradient = 1 / (RATE * dwell * 128.0)  # mT/m
    expected = SHIFT * RATE * patient_field / (RATE * gradient)
    water = TISSUES["water"].replace(name="lasting_water", t1=100.0, t2=100.0, t2_star=100.0)
    got = line_image(FAT, dwell) - line_image(water, dwell)
    assert expected < -8.0
    assert got == pytest.approx(expected, abs=0.5)  # voxels of 4 mm
    assert line_image(FAT, dwell / 4) - line_image(water, dwell / 4) == pytest.approx(expected / 4, abs=0.5)


def test_saturation_suppresses_fat_and_leaves_water():
    preparation = S.FatSaturation()
    sequence = {
        prepared: S.turbo_spin_echo(
            (8, 4), (64.0, 64.0), te=10e-3, tr=3.0, echo_train=4, region=S.Whole(), preparation=prepared
        )
        for prepared in (None, preparation)
    }
    scanner = mri.Scanner(field=3.0)

    def strength(name: str, prepared) -> float:
        spins = mri.spins_in(voxel(TISSUES[name]), scanner, 17)
        return float(np.abs(mri.simulate(spins, sequence[prepared], scanner)).max())

    fat, water = (strength(name, preparation) / strength(name, None) for name in ("adipose", "white_matter"))
    assert fat < 0.1
    assert water > 0.97


def test_tissue_scan_turns_fat_along_the_read_out():
    """A spin echo of fat over that of the same without a shift: exp(−2πi f (t − TE)) from sample to sample."""
    grid, dwell = Grid((16, 4, 1), (4.0, 16.0, 5.0)), 40e-6
    share = np.zeros(grid.shape)
    share[6:9, 1:3, 0] = 1.0
    sequence = S.spin_echo((16, 4), (64.0, 64.0), te=20e-3, tr=3.0, region=S.Whole(1e-6), dwell=dwell)
    shifted, plain = (
        np.asarray(
            mri.scan_tissues(
                Phantom.from_fractions(grid, {TISSUES["adipose"].replace(chemical_shift=shift): share}),
                *(sequence, mri.Scanner(noise=0.0), KEY),
                spins=127,
            ).samples
        )[0, 6:11, 2, 0]
        for shift in (SHIFT, 0.0)
    )
    truth = np.exp(-2j * np.pi * SHIFT * RATE * 3.0 * (np.arange(6, 11) - 8) * dwell)
    assert np.abs(shifted / plain - truth).max() < 0.02


@pytest.mark.usefixtures("x64")
def test_derivative_in_the_shift():
    adc = mri.Adc(3, 10**9)
    program = mri.compile_sequence(mri.Sequence([pulse(np.pi / 2), mri.Block(adc.end, adc=adc)]))

    patient = voxel(FAT)
    number = patient.index(FAT.name)

    def loss(shift):
        shifted = eqx.tree_at(lambda p: p.tissues[number].chemical_shift, patient, shift)
        spins = mri.Isochromats.from_phantom(shifted, 1)
        return mri.simulate(spins, program, mri.Scanner())[0].real.sum()

    assert_gradient(loss, np.array(SHIFT), tolerance=1e-6, step=1e-5, directions=1)
