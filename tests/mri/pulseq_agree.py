"""Whether a sequence of ours is what pypulseq says of its own: gradients, k, pulses, read-outs, labels."""

import warnings

import numpy as np

from physim import mri
from physim.mri.sequence.waveforms import gradients_of
from tests.mri import pulseq_oracle as oracle


def read(path) -> mri.Sequence:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return mri.read_pulseq(path)


def assert_gradients_are(sequence: mri.Sequence, seq, tolerance=1e-9):
    """At many times that are no corners, in Hz/m."""
    times = np.sort(np.random.default_rng(1).integers(0, sequence.starts()[-1], 5000))
    ours = 1e3 * gradients_of(sequence).rate(times)
    for axis, wave in enumerate(oracle.waveforms(seq)):
        theirs = np.interp(times / 1e12, *wave, left=0, right=0) if wave.shape[1] else np.zeros(len(times))
        assert np.abs(ours[:, axis] - theirs).max() <= tolerance * max(1.0, np.abs(theirs).max())


def assert_trajectory_is(sequence: mri.Sequence, seq, tolerance=1e-9):
    with oracle.quiet():
        theirs, *_, t_adc = seq.calculate_kspace()
    ours = oracle.trajectory(sequence)
    assert np.abs(oracle.sample_times(sequence) / 1e12 - t_adc).max() < 1e-12
    assert np.abs(ours.T - theirs).max() <= tolerance * np.abs(theirs).max()


def assert_pulses_are(sequence: mri.Sequence, seq):
    for number, one in zip(seq.block_events, sequence, strict=True):
        theirs = seq.get_block(number)
        assert abs(one.duration / 1e12 - seq.block_durations[number]) < 1e-13
        assert (one.rf is None) == (theirs.rf is None)
        if one.rf is not None:
            ours, rf = one.rf, theirs.rf
            signal = ours.amplitude * ours.magnitude * np.exp(1j * ours.phase)
            assert np.abs(signal - rf.signal).max() <= 1e-12 * np.abs(rf.signal).max()
            assert np.abs(ours.times / 1e12 - rf.t).max() < 1e-13
            pairs = [
                (ours.duration / 1e12, rf.shape_dur), (ours.delay / 1e12, rf.delay), (ours.centre / 1e12, rf.center),
                (ours.frequency_offset, rf.freq_offset), (ours.phase_offset, rf.phase_offset),
                (ours.frequency_ppm, rf.freq_ppm), (ours.phase_ppm, rf.phase_ppm),
            ]  # fmt: skip
            assert all(abs(a - b) < 1e-12 for a, b in pairs), pairs
            assert ours.use.name.lower() == rf.use


def assert_readouts_are(sequence: mri.Sequence, seq):
    for number, one in zip(seq.block_events, sequence, strict=True):
        theirs = seq.get_block(number).adc
        assert (one.adc is None) == (theirs is None)
        if theirs is not None:
            ours = one.adc
            assert ours.samples == theirs.num_samples
            assert (ours.frequency_offset, ours.phase_offset) == (theirs.freq_offset, theirs.phase_offset)
            assert (ours.frequency_ppm, ours.phase_ppm) == (theirs.freq_ppm, theirs.phase_ppm)
            modulation = np.zeros(0) if ours.phase_modulation is None else ours.phase_modulation
            np.testing.assert_allclose(modulation, theirs.phase_modulation, atol=1e-12)


def assert_extensions_are(sequence: mri.Sequence, seq):
    for number, one in zip(seq.block_events, sequence, strict=True):
        theirs = seq.get_block(number)
        labels = {
            (x.type.removeprefix("label").upper(), x.label, x.value) for x in (theirs.label or {}).values()
        }
        assert set(one.labels) == labels
        triggers = list(getattr(theirs, "trigger", {}).values())
        assert [t.kind.name.lower() for t in one.triggers] == [
            {"output": "output", "trigger": "input"}[t.type] for t in triggers
        ]
        for ours, other in zip(one.triggers, triggers, strict=True):
            assert abs(ours.delay / 1e12 - other.delay) < 1e-13
            assert abs(ours.duration / 1e12 - other.duration) < 1e-13
        soft = getattr(theirs, "soft_delay", None)
        assert (one.soft_delay is None) == (soft is None)
        if soft is not None:
            ours = one.soft_delay
            assert (ours.number, ours.hint, ours.factor) == (soft.numID, soft.hint, soft.factor)
            assert abs(ours.offset / 1e12 - soft.offset) < 1e-13


def assert_agrees(sequence: mri.Sequence, seq, tolerance=1e-9):
    """All of it."""
    assert_gradients_are(sequence, seq, tolerance)
    assert_pulses_are(sequence, seq)
    assert_readouts_are(sequence, seq)
    assert_extensions_are(sequence, seq)
    assert_trajectory_is(sequence, seq, tolerance)
