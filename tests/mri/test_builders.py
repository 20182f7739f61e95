"""What the builders play: places in k-space, times, limits, refusals."""

import numpy as np
import pytest

from physim import mri
from physim.mri.sequence.waveforms import gradients_of
from physim_phantoms import InputError

S = mri.sequences


def places(sequence) -> np.ndarray:
    """k of all samples since the middle of the last pulse, cycles/mm, one row per sample."""
    program = mri.compile_sequence(sequence)
    curve, starts = gradients_of(sequence), sequence.starts()
    pulses = [
        (start + one.rf.delay + one.rf.centre, start + one.rf.end)
        for start, one in zip(starts, sequence, strict=False)
        if one.rf is not None
    ]
    middle, end = np.array(pulses).T
    before = (curve.moment(end) - curve.moment(middle))[program.samples.period]
    return program.samples.k.value + before


@pytest.mark.parametrize("matrix", [(8, 6), (7, 5)])
@pytest.mark.parametrize("region", [S.Slice(4.0), S.Whole()])
@pytest.mark.parametrize("family", ["spoiled", "balanced"])
def test_gradient_echoes_sample_the_grid(matrix, region, family):
    view = (200.0, 160.0)
    if family == "spoiled":
        sequence = S.spoiled_gradient_echo(matrix, view, region=region, dummies=2)
    else:
        sequence = S.balanced_ssfp(matrix, view, tr=8e-3, region=region, dummies=3)
    k = places(sequence).reshape(matrix[1], matrix[0], 3)
    x, y = ((np.arange(n) - n // 2) / length for n, length in zip(matrix, view, strict=True))
    assert np.allclose(k[:, :, 0], x, rtol=0, atol=1e-12)
    assert np.allclose(k[:, :, 1], y[:, None], rtol=0, atol=1e-12)
    assert np.allclose(k[:, :, 2], 0, rtol=0, atol=1e-12)
    S.Limits().check(sequence)


@pytest.mark.parametrize("matrix", [(8, 6), (7, 5)])
def test_echo_planar_samples_the_grid_there_and_back(matrix):
    sequence = S.echo_planar(matrix, (200.0, 160.0))
    k = places(sequence).reshape(matrix[1], matrix[0], 3)
    x, y = ((np.arange(n) - n // 2) / length for n, length in zip(matrix, (200.0, 160.0), strict=True))
    assert np.allclose(k[::2, :, 0], x, rtol=0, atol=1e-12)
    assert np.allclose(k[1::2, :, 0], x[::-1], rtol=0, atol=1e-12)
    assert np.allclose(k[:, :, 1], y[:, None], rtol=0, atol=1e-12)
    S.Limits().check(sequence)


def test_echo_and_repetition_times_are_what_was_asked_for():
    tr, te = 11e-3, 4.5e-3
    sequence = S.spoiled_gradient_echo((8, 4), (200.0, 200.0), tr=tr, te=te, region=S.Slice(5.0))
    program = mri.compile_sequence(sequence)
    half_pulse = 1e-3
    echo = program.samples.time.value.reshape(4, 8)[:, 4] + half_pulse
    assert echo == pytest.approx([te] * 4, abs=1e-11)
    assert sequence.duration == pytest.approx(4 * tr, abs=1e-11)


def test_balanced_gradients_are_undone_in_every_interval():
    sequence = S.balanced_ssfp((6, 4), (200.0, 160.0), tr=8e-3, region=S.Slice(5.0))
    curve, starts = gradients_of(sequence), sequence.starts()
    middles = [
        start + one.rf.delay + one.rf.centre
        for start, one in zip(starts, sequence, strict=False)
        if one.rf is not None
    ]
    k = curve.moment(np.array(middles))
    assert np.allclose(k, k[0], rtol=0, atol=1e-12)


def test_radio_frequency_spoiling_goes_quadratically_and_the_receiver_follows():
    sequence = S.spoiled_gradient_echo((4, 5), (200.0, 200.0), rf_spoiling=np.radians(117))
    program = mri.compile_sequence(sequence)
    numbers = np.arange(5)
    cycles = 117 / 360 * numbers * (numbers + 1) / 2
    assert np.allclose((program.periods.phase - cycles + 0.5) % 1, 0.5, atol=1e-9)
    received = program.samples.phase.reshape(5, 4)[:, 0]
    assert np.allclose((program.periods.phase - received + 0.5) % 1, 0.5, atol=1e-9)


def test_a_pulse_is_shared_by_all_repetitions():
    program = mri.compile_sequence(S.spoiled_gradient_echo((8, 40), (200.0, 200.0)))
    assert program.pulses == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: S.spoiled_gradient_echo(te=1e-3), "te is too short by"),
        (lambda: S.spoiled_gradient_echo(tr=5e-3), "tr is too short by"),
        (lambda: S.spoiled_gradient_echo((0, 4)), "whole numbers of at least 1"),
        (lambda: S.spoiled_gradient_echo((8, 8), (-1.0, 2.0)), "field_of_view"),
        (lambda: S.spoiled_gradient_echo((256, 256), (20.0, 20.0), dwell=1e-6), "above the limit of 40 mT/m"),
        (lambda: S.echo_planar(te=10e-3), "te is too short by"),
        (lambda: S.hard_pulse(0.1, -1.0), "duration"),
        (lambda: S.spin_echo_train(echo_spacing=1e-4), "echo_spacing is too short"),
    ],
)
def test_what_cannot_be_played_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_limits_name_the_first_block_beyond_them():
    fine, steep = mri.Trapezoid(10.0, 10**8, 10**8, 10**8), mri.Trapezoid(10.0, 10**7, 10**8, 10**8)
    with pytest.raises(InputError, match=r"gy of block 1 changes at 1e\+06 mT/m/s"):
        S.Limits().check(mri.Sequence([mri.block(gx=fine), mri.block(gy=steep)]))
    with pytest.raises(InputError, match="gx of block 0 reaches 50 mT/m"):
        S.Limits().check(mri.Sequence([mri.block(gx=mri.Trapezoid(50.0, 10**9, 0, 10**9))]))


def test_limits_see_the_axes_of_the_scanner_and_what_lies_between_blocks():
    steep = mri.Trapezoid(35.0, 3 * 10**8, 10**8, 3 * 10**8)
    root = np.sqrt(0.5)
    turn = np.array([[root, -root, 0], [root, root, 0], [0, 0, 1]])
    S.Limits().check(mri.Sequence([mri.block(gx=steep, gy=steep)]))
    with pytest.raises(
        InputError, match=r"gy of block 1 reaches 49.5 mT/m; the limit is 40 .*\(300 µs after"
    ):
        S.Limits().check(mri.Sequence([mri.Block(10**7), mri.block(gx=steep, gy=steep, rotation=turn)]))
    rise = mri.Waveform(np.array([0.0, 10]), np.array([0, 10**8]))
    fall = mri.Waveform(np.array([10.0, 0]), np.array([0, 10**8]))
    S.Limits().check(mri.Sequence([mri.block(gz=rise), mri.block(gz=fall)]))
    for number, blocks in (
        (1, [mri.block(gz=rise), mri.Block(10**7)]),
        (1, [mri.Block(10**7), mri.block(gz=fall)]),
    ):
        with pytest.raises(InputError, match=rf"gz of block {number} jumps by 10 mT/m; .*\(0 µs after"):
            S.Limits().check(mri.Sequence(blocks))
    with pytest.raises(InputError, match=r"gz of block 0 jumps by 10 mT/m; .*\(100 µs after"):
        S.Limits().check(mri.Sequence([mri.block(gz=rise)]))


@pytest.mark.parametrize(
    "sequence",
    [
        S.spoiled_gradient_echo((16, 8), (64.0, 64.0), 0.3, tr=20e-3, te=6e-3, region=S.Whole()),
        S.multi_echo_gradient_echo(
            (16, 8), (64.0, 64.0), tr=40e-3, echo_times=(6e-3, 12e-3), region=S.Whole()
        ),
    ],
)
def test_whole_cycles_cross_a_voxel_from_pulse_to_pulse(sequence):
    """Else what is spoiled comes back from spins on a lattice."""
    cycles = mri.compile_sequence(sequence).periods.moment.value[:-1] * np.array([4.0, 8.0, 1.0])
    assert np.allclose(cycles, [4.0, 0.0, 0.0], atol=1e-10)
