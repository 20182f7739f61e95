"""A phantom through a played sequence: the image is the one that closed forms say."""

import jax
import numpy as np
import pytest

from physim import mri
from physim.mri.cartesian import image_grid, image_of
from physim.mri.encode import encode
from physim_phantoms import Grid, InputError, Phantom
from tests.helper import nrmse

S = mri.sequences
KEY = jax.random.key(3)
SILENT = mri.Scanner(noise=0.0)


def box() -> Phantom:
    """A block of water that no mirror or turn leaves alone, in a slice."""
    grid = Grid((24, 20, 3), (4.0, 5.0, 4.0))
    water = np.zeros(grid.shape, np.float32)
    water[5:14, 4:9, :] = 1.0
    water[14:20, 12:15, :] = 0.5
    return Phantom.from_fractions(grid, {"water": water})


@pytest.mark.parametrize("matrix", [(24, 20), (25, 21)])
def test_image_lies_where_the_phantom_lies(matrix):
    """One shot behind one pulse: the magnitude is water's, the places are the phantom's."""
    patient = box()
    view = (96.0, 100.0)
    sequence = S.echo_planar(matrix, view, region=S.Whole(1e-6), dwell=10e-6)
    raw = mri.scan(patient, sequence, SILENT, KEY, per_voxel=27)
    assert raw.grid.shape == (*matrix, 1)
    image = np.asarray(mri.reconstruct(raw))[:, :, 0]
    density = patient.map("proton_density").mean(2, keepdims=True)
    kx, ky, _ = raw.frequencies()
    averaged = (np.sinc(4.0 * kx)[:, None] * np.sinc(5.0 * ky))[:, :, None]  # spins fill their voxels
    samples = encode(density, _flat(patient.grid), raw.grid.shape) * averaged
    truth = np.asarray(mri.reconstruct(mri.KSpace(samples, raw.grid)))[:, :, 0]
    assert np.abs(image / image.max() - truth / truth.max()).max() < 0.01


def _flat(grid: Grid) -> Grid:
    spacing = np.asarray(grid.spacing) * np.array([1, 1, grid.shape[2]])
    return Grid((grid.shape[0], grid.shape[1], 1), tuple(spacing))


def test_gradient_echo_of_a_point_is_flat_in_magnitude_and_a_ramp_in_phase():
    place = np.array([[20.0, -15.0, 0.0]])
    spins = mri.Isochromats(place, t1=1.0, t2=0.5)
    sequence = S.spoiled_gradient_echo(
        (16, 8), (160.0, 120.0), np.pi / 2, tr=20.0, te=3e-3, region=S.Whole(1e-6)
    )
    signal = np.asarray(mri.simulate(spins, sequence, SILENT))[0]
    k = mri.kspace_of(sequence)
    program = mri.compile_sequence(sequence)
    expected = 1j * np.exp(-program.samples.time.value / 0.5 - 2j * np.pi * (k @ place[0]))
    assert nrmse(signal, expected) < 2e-5


def test_refocusing_turns_k_round():
    gradient = S.Limits().moment(0.5)
    first, second = S.hard_pulse(np.pi / 2), S.hard_pulse(np.pi, use=mri.Use.REFOCUSING)
    adc = mri.Adc(1, 10**6)
    blocks = [mri.block(rf=first), mri.block(gx=gradient), mri.block(rf=second), mri.block(adc=adc)]
    blocks += [mri.block(gx=gradient), mri.block(adc=adc)]
    assert mri.kspace_of(mri.Sequence(blocks))[:, 0] == pytest.approx([-0.5, 0.0], abs=1e-12)


def test_noise_is_what_the_scanner_says():
    patient = Phantom.from_fractions(Grid((4, 4, 1), 10.0), {"air": np.ones((4, 4, 1), np.float32)})
    sequence = S.echo_planar((64, 64), (192.0, 192.0), region=S.Whole())
    with pytest.raises(InputError, match="nothing in this phantom has protons"):
        mri.scan(patient, sequence, SILENT, KEY)
    drop = Phantom.from_fractions(Grid((1, 1, 1), 1e-3), {"water": np.ones((1, 1, 1), np.float32)})
    scanner = mri.Scanner(noise=0.01)
    raw = mri.scan(drop, sequence, scanner, KEY, per_voxel=1)
    image = np.asarray(mri.reconstruct_complex(raw))
    wanted = float(scanner.image_noise(raw.grid.voxel_volume))
    assert image.real.std() == pytest.approx(wanted, rel=0.05)
    assert image.imag.std() == pytest.approx(wanted, rel=0.05)


def test_a_file_that_states_its_view_alone_and_reads_half_a_sample_late_makes_the_same_image():
    sequence = S.echo_planar((8, 6), (96.0, 96.0), region=S.Whole(), dwell=10e-6)
    late = mri.block(gx=S.Limits().moment(0.5 / 96.0))
    pulse, *rest = sequence
    foreign = mri.Sequence([pulse, late, *rest], {"FOV": (96.0, 96.0, 5.0)})
    assert image_grid(foreign).shape == (8, 6, 1)
    assert image_grid(foreign).spacing[2] == 5.0
    drop = Phantom.from_fractions(Grid((1, 1, 1), 1.0), {"water": np.ones((1, 1, 1), np.float32)})
    own, other = (
        np.asarray(mri.reconstruct(mri.scan(drop, one, SILENT, KEY))) for one in (sequence, foreign)
    )
    # Thicker voxels: the image is of density, which is 5 times as much in 1 mm.
    assert np.abs(5 * other - own).max() < 2e-3 * own.max()


def test_a_sequence_that_fills_no_matrix_is_refused():
    blocks = list(S.echo_planar((8, 8), (96.0, 96.0), region=S.Whole(), dwell=10e-6))
    patient = box()
    with pytest.raises(InputError, match="does not say its FOV"):
        mri.scan(patient, mri.Sequence(blocks), SILENT, KEY)
    with pytest.raises(InputError, match="between the points"):
        mri.scan(patient, mri.Sequence(blocks, {"Matrix": (8, 8), "FOV": (90.0, 96.0)}), SILENT, KEY)
    with pytest.raises(InputError, match="outside the matrix"):
        mri.scan(patient, mri.Sequence(blocks, {"Matrix": (6, 8), "FOV": (96.0, 96.0)}), SILENT, KEY)
    with pytest.raises(InputError, match="has 0 samples"):
        mri.scan(patient, mri.Sequence(blocks, {"Matrix": (8, 9), "FOV": (96.0, 96.0)}), SILENT, KEY)
    with pytest.raises(InputError, match="encodes by itself"):
        mri.scan(patient, mri.Sequence(blocks), SILENT, KEY, encoding=mri.Cartesian())


def test_a_plane_that_excites_everything_is_as_thick_as_the_patient():
    sequence = S.echo_planar((8, 6), (96.0, 96.0), region=S.Whole(1e-6), dwell=10e-6)
    water = np.ones((6, 6, 5), np.float32)
    patient = Phantom.from_fractions(Grid(water.shape, (16.0, 16.0, 3.0)), {"water": water})
    raw = mri.scan(patient, sequence, SILENT, KEY, per_voxel=1)
    assert np.asarray(raw.grid.extent).tolist() == [96.0, 96.0, 15.0]
    # The image is of density, whatever the thickness: about 1 in water that fills the plane.
    assert float(np.asarray(mri.reconstruct(raw)).mean()) == pytest.approx(1.0, abs=0.1)
    turned = Grid(water.shape, (16.0, 16.0, 3.0), direction=np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]))
    assert image_of(sequence, turned).spacing[2] == 96.0
    stated = mri.Sequence(sequence.blocks, {**sequence.definitions, "Thickness": 7.0})
    assert image_of(stated, patient.grid).spacing[2] == 7.0
    assert image_grid(sequence).spacing[2] == 1.0


def test_a_slice_is_as_thick_as_it_was_asked_for():
    sequence = S.spoiled_gradient_echo((8, 6), (96.0, 96.0), region=S.Slice(7.0))
    assert image_grid(sequence).spacing[2] == 7.0
