"""Spin echoes, trains, multi-echo, radial, spiral and fingerprinting: places in k, times, contrast; Shinnar-Le Roux pulses."""

import numpy as np
import pytest

from physim import mri
from physim.mri.sequences.slr import hard_pulses, polynomials
from tests.mri.builders import FLIPS, VIEW, S, grid_steps, middles, read_at, since_excitation

POINT = np.zeros((1, 3))


def test_turbo_spin_echo_fills_the_grid_and_reads_the_middle_at_te():
    sequence = S.turbo_spin_echo((8, 12), VIEW, te=30e-3, tr=0.5, echo_train=4)
    k, time = mri.kspace_of(sequence).reshape(12, 8, 3), since_excitation(sequence).reshape(12, 8)
    assert np.allclose(k[:, :, 0], grid_steps(8, VIEW[0]), rtol=0, atol=1e-11)
    assert np.allclose(np.sort(k[:, 0, 1]), grid_steps(12, VIEW[1]), rtol=0, atol=1e-11)
    assert np.allclose(time[:, 4].reshape(3, 4), 10e-3 * np.arange(1, 5), rtol=0, atol=1e-12)
    assert time[np.argmin(np.abs(k[:, 0, 1])), 4] == pytest.approx(30e-3, abs=1e-12)
    assert np.allclose(np.diff(middles(sequence)), 0.5, rtol=0, atol=1e-12)


def test_turbo_spin_echo_decays_with_t2():
    sequence = S.turbo_spin_echo((8, 4), VIEW, te=10e-3, tr=9.0, echo_train=4, region=S.Whole(2e-6))
    spins = mri.Isochromats(POINT, t1=0.9, t2=0.07)
    signal = np.asarray(mri.simulate(spins, sequence, mri.Scanner()))[0].reshape(4, 8)[:, 4]
    assert np.abs(signal - 1j * np.exp(-np.arange(1, 5) * 10e-3 / 0.07)).max() < 1e-4


def test_inversion_nulls_what_the_formula_says():
    t1, tr, te = 0.6, 2.0, 20e-3
    recovered = 1 + 2 * np.exp(-(tr - te / 2) / t1) - np.exp(-tr / t1)
    ti = round(-t1 * np.log(recovered / 2), 5)
    ahead = S.Inversion(ti, S.hard_pulse(np.pi, 2e-6, use=mri.Use.INVERSION))
    sequence = S.spin_echo((8, 2), VIEW, te, tr, region=S.Whole(2e-6), preparation=ahead, dummies=2)
    inverted = middles(sequence, mri.Use.INVERSION)
    assert np.allclose(middles(sequence) - inverted, ti, rtol=0, atol=1e-12)
    for t, null in ((t1, True), (1.5 * t1, False)):
        spins = mri.Isochromats(POINT, t1=t, t2=0.05)
        signal = np.asarray(mri.simulate(spins, sequence, mri.Scanner()))[0].reshape(2, 8)[:, 4]
        assert (np.abs(signal).max() < 1e-3) == null


def test_echoes_are_images_of_their_own():
    from physim.mri.cartesian import image_grid, places

    times = (5e-3, 12e-3, 19e-3)
    sequence = S.multi_echo_gradient_echo((8, 6), VIEW, echo_times=times)
    order = places(sequence, image_grid(sequence))
    assert order.shape == (3, 48)
    middle = since_excitation(sequence)[order.reshape(3, 8, 6)[:, 4, 3]]
    assert np.allclose(middle, times, rtol=0, atol=1e-12)


def test_magnetisation_preparation_times():
    shape, view = (8, 6, 4), (200.0, 160.0, 40.0)
    sequence = S.magnetisation_prepared_gradient_echo(shape, view, tr=0.5, ti=0.1)
    inverted = middles(sequence, mri.Use.INVERSION)
    excited = middles(sequence).reshape(6, 4)
    assert np.allclose(excited[:, 2] - inverted, 0.1, rtol=0, atol=1e-12)
    assert np.allclose(np.diff(inverted), 0.5, rtol=0, atol=1e-12)
    assert np.allclose(np.diff(excited, axis=1), 8e-3, rtol=0, atol=1e-12)
    k = mri.kspace_of(sequence).reshape(6, 4, 8, 3)
    for axis, place in enumerate((2, 0, 1)):
        steps = grid_steps(shape[axis], view[axis])
        wanted = np.moveaxis(
            np.broadcast_to(steps, [*np.delete((6, 4, 8), place).tolist(), len(steps)]), -1, place
        )
        assert np.allclose(k[..., axis], wanted, rtol=0, atol=1e-11)


def test_spokes_go_through_the_middle():
    spokes = S.StackOfStars(S.UniformSpokes(3), 4, 80.0)
    sequence = S.radial(16, 200.0, te=4.004e-3, spokes=spokes, region=S.Whole())
    k = mri.kspace_of(sequence).reshape(12, 16, 3)
    along = grid_steps(16, 200.0)[:, None] * spokes.directions()[:, None]
    along[:, :, 2] += spokes.partitions()[:, None]
    assert np.allclose(k, along, rtol=0, atol=1e-11)
    assert np.allclose(since_excitation(sequence).reshape(12, 16)[:, 8], 4.004e-3, rtol=0, atol=1e-12)


def test_spiral_is_archimedean_and_reaches_its_edge():
    sequence = S.spiral(64, 220.0, interleaves=6)
    k = mri.kspace_of(sequence).reshape(6, -1, 3)
    plane = k[..., 0] + 1j * k[..., 1]
    turns = np.unwrap(np.angle(plane[0, 200:])) / (2 * np.pi)
    radius = np.abs(plane[0, 200:])
    turns += np.round(radius[0] * 220 / 6 - turns[0])
    assert np.abs(radius - turns * 6 / 220).max() < 0.02 * 6 / 220
    assert 0.98 * 32 / 220 < radius.max() < 1.03 * 32 / 220
    assert np.allclose(plane, plane[0] * np.exp(2j * np.pi * np.arange(6) / 6)[:, None], atol=1e-11)


def test_fingerprints_share_one_pulse_shape():
    sequence = S.fingerprinting(FLIPS, te=2e-3, tr=12e-3)
    program = mri.compile_sequence(sequence)
    assert len(program.shapes) == 2
    assert np.allclose(np.diff(read_at(sequence)), 12e-3, rtol=0, atol=1e-12)
    assert np.allclose(since_excitation(sequence), 2e-3, rtol=0, atol=1e-12)


def test_shinnar_le_roux_transform_is_inverted():
    rng = np.random.default_rng(0)
    flips = 0.1 * rng.standard_normal(30) * np.exp(1j * rng.uniform(0, 6, 30))
    a, b = polynomials(flips)
    z = np.exp(-1j * np.linspace(0, 6, 50)[:, None] * np.arange(30))
    assert np.abs(np.abs(z @ a) ** 2 + np.abs(z @ b) ** 2 - 1).max() < 1e-12
    assert np.abs(hard_pulses(b) - flips).max() < 1e-12


def test_shinnar_le_roux_pulse_has_its_profile():
    rf = S.slr_pulse(np.pi, 8e-3, 8.0, profile=S.MinimumPhase(), use=mri.Use.INVERSION)
    offsets = np.array([0.0, 200.0, -250.0, 800.0, 1500.0, -900.0])  # the bandwidth is 1 kHz
    spins = mri.Isochromats(np.zeros((6, 3)), off_resonance=offsets)
    state = np.asarray(mri.magnetisation(spins, mri.compile_sequence(mri.Sequence([mri.block(rf=rf)]))))
    assert np.all(state[2, -1, :3] < -0.98)
    assert np.all(state[2, -1, 3:] > 0.98)
