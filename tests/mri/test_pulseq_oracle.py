"""Files that pypulseq wrote, read by us: gradients, k, pulses, read-outs and labels are what pypulseq says they are."""

import numpy as np
import pypulseq as pp
import pytest

from physim import mri
from tests.mri import pulseq_oracle as oracle
from tests.mri.pulseq_agree import (
    assert_agrees,
    assert_extensions_are,
    assert_gradients_are,
    assert_trajectory_is,
    read,
)


@pytest.mark.parametrize("build", oracle.BUILDERS, ids=lambda build: build.__name__)
def test_what_pypulseq_wrote_is_read_as_pypulseq_reads_it(build, tmp_path):
    path, seq = oracle.written(build(), tmp_path)
    assert_agrees(read(path), seq)


@pytest.mark.parametrize("build", oracle.BUILDERS, ids=lambda build: build.__name__)
def test_taken_over_from_memory_with_all_digits(build):
    seq = build()
    assert_agrees(mri.from_pypulseq(seq), seq)


@pytest.mark.parametrize("build", oracle.BUILDERS, ids=lambda build: build.__name__)
def test_what_we_write_is_read_by_pypulseq(build, tmp_path):
    sequence = mri.from_pypulseq(build())
    path = tmp_path / "ours.seq"
    mri.write_pulseq(sequence, path)
    seq = pp.Sequence(oracle.SYSTEM)
    with oracle.quiet():
        seq.read(path, remove_duplicates=False)
    assert_gradients_are(sequence, seq, 1e-10)
    assert_trajectory_is(sequence, seq, 1e-10)
    for number, one in zip(seq.block_events, sequence, strict=True):
        theirs = seq.get_block(number)
        assert abs(one.duration / 1e12 - theirs.block_duration) < 1e-13
        if one.rf is not None:
            signal = one.rf.amplitude * one.rf.magnitude * np.exp(1j * one.rf.phase)
            assert np.abs(signal - theirs.rf.signal).max() < 1e-10 * np.abs(signal).max()
            assert abs(one.rf.phase_offset - theirs.rf.phase_offset) < 1e-10
    assert_extensions_are(sequence, seq)


OLDER = [oracle.echo_planar, oracle.turbo_spin_echo, oracle.spiral, oracle.shaped_across_blocks]


@pytest.mark.parametrize("build", OLDER, ids=lambda build: build.__name__)
def test_older_files_get_their_edges_and_centres_back(build, tmp_path):
    # Corner by corner: between events pypulseq draws a line from an end that is not quite zero to the next beginning.
    path, seq = oracle.written(build(), tmp_path, older=True)
    for number, one in zip(seq.block_events, read(path), strict=True):
        theirs = seq.get_block(number)
        if one.rf is not None:
            assert abs(one.rf.centre / 1e12 - theirs.rf.center) < 1e-12
            assert one.rf.use is mri.Use.UNDEFINED
        for axis in ("gx", "gy", "gz"):
            event, other = getattr(one, axis), getattr(theirs, axis)
            assert (event is None) == (other is None)
            if isinstance(event, mri.Waveform):
                hertz = event.values * oracle.GAMMA / 1e3
                edges = [] if len(hertz) == len(other.waveform) else [other.first, other.last]
                truth = [*edges[:1], *other.waveform, *edges[1:]]
                assert np.abs(hertz - truth).max() < 1e-9 * np.abs(truth).max()


def test_durations_are_those_that_soft_delays_left(tmp_path):
    # pypulseq changes the durations of blocks, and its cache of blocks keeps the old ones.
    seq = oracle.gradient_echo()
    before = mri.from_pypulseq(seq).duration
    with oracle.quiet():
        seq.apply_soft_delay(TR=0.02)
    sequence = mri.from_pypulseq(seq)
    assert sequence.duration == pytest.approx(seq.duration()[0], abs=1e-13)
    assert sequence.duration > before + 6 * 4e-3
    seq.block_durations = list(seq.block_durations.values())  # as pypulseq 1.4.0 has them
    assert mri.from_pypulseq(seq).starts() == sequence.starts()
    seq.block_durations = dict(enumerate(seq.block_durations, 1))
    assert_trajectory_is(sequence, seq)
    path, _ = oracle.written(seq, tmp_path)
    assert read(path).starts() == sequence.starts()


def test_equal_events_are_one_object():
    sequence = mri.from_pypulseq(oracle.radial())
    pulses = {id(one.rf) for one in sequence if one.rf is not None}
    assert len(pulses) == 1
    spoiled = [one.rf for one in mri.from_pypulseq(oracle.gradient_echo()) if one.rf is not None]
    assert len({id(rf) for rf in spoiled}) == 6
    assert len({id(rf.magnitude) for rf in spoiled}) == 1


def test_pulses_that_differ_in_phase_are_compiled_once(tmp_path):
    path, _ = oracle.written(oracle.gradient_echo(), tmp_path)
    assert mri.compile_sequence(read(path)).pulses == 1


def test_file_and_memory_give_one_signal(tmp_path):
    seq = oracle.gradient_echo()
    path = tmp_path / "ours.seq"
    mri.write_pulseq(mri.from_pypulseq(seq), path)
    place = np.random.default_rng(2).uniform(-40, 40, (50, 3))
    spins = mri.Isochromats(place, off_resonance=place[:, 0])
    signals = [
        np.asarray(mri.simulate(spins, sequence, mri.Scanner()))
        for sequence in (mri.from_pypulseq(seq), read(path))
    ]
    assert np.abs(signals[0] - signals[1]).max() < 1e-5 * np.abs(signals[0]).max()


def test_oversampled_gradients_meet_their_edges(tmp_path):
    # pypulseq 1.5.0 loses the edges of oversampled gradients and cannot remove their duplicates: corners are the truth.
    seq = pp.Sequence(oracle.SYSTEM)
    half = np.arange(1, 40) / 40
    shape = 4e5 * np.sin(np.pi / 2 * half)
    seq.add_block(
        pp.make_arbitrary_grad("x", shape, first=0, last=4e5, oversampling=True, system=oracle.SYSTEM)
    )
    fall = pp.make_extended_trapezoid(
        "x", np.array([4e5, 0]), times=np.array([0, 2e-4]), system=oracle.SYSTEM
    )
    seq.add_block(fall)
    path = tmp_path / "oversampled.seq"
    with oracle.quiet():
        seq.write(path, remove_duplicates=False)
    corners = np.concatenate([[0], half, [1]])
    for sequence, tolerance in ((read(path), 1e-5), (mri.from_pypulseq(seq), 1e-12)):
        event = sequence.blocks[0].gx
        assert event.end == sequence.blocks[0].duration == 200_000_000
        np.testing.assert_array_equal(event.times, np.arange(41) * 5_000_000)
        hertz = event.values * oracle.GAMMA / 1e3
        assert np.abs(hertz - 4e5 * np.sin(np.pi / 2 * corners)).max() < tolerance * 4e5


def test_anything_else_is_refused():
    with pytest.raises(
        ValueError, match=r"sequence is a dict; it must be a pypulseq.Sequence: .*read_pulseq"
    ):
        mri.from_pypulseq({})
    with pytest.raises(ValueError, match="no blocks"):
        mri.from_pypulseq(pp.Sequence())
