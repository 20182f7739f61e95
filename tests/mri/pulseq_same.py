"""Whether two sequences are the same, event by event: times exactly, other numbers to twelve digits."""

import dataclasses

import numpy as np

from physim import mri


def near(first, second, tolerance=5.1e-12):
    """Equal to half of the twelfth digit of the largest."""
    first, second = np.asarray(first, float), np.asarray(second, float)
    assert first.shape == second.shape
    assert np.abs(first - second).max(initial=0) <= tolerance * np.abs(first).max(initial=0)


def assert_same_rf(first: mri.Rf, second: mri.Rf):
    assert (first.duration, first.delay, first.centre, first.use) == (
        *(second.duration, second.delay, second.centre),
        second.use,
    )
    np.testing.assert_array_equal(first.times, second.times)
    near(np.abs(first.amplitude), second.amplitude)
    near([first.frequency_offset], [second.frequency_offset])
    near([first.frequency_ppm, first.phase_ppm], [second.frequency_ppm, second.phase_ppm])
    sign = np.sign(first.amplitude)
    phases = (
        np.exp(-1j * (second.phase + second.phase_offset)),
        np.exp(-1j * (first.phase + first.phase_offset)),
    )
    # Phases are kept in cycles below one: twelve digits of those.
    assert np.abs(second.magnitude * phases[0] - sign * first.magnitude * phases[1]).max() < 2e-11


def assert_same_gradient(first, second):
    assert type(first) is type(second)
    assert (first.delay, first.end) == (second.delay, second.end)
    if isinstance(first, mri.Trapezoid):
        assert (first.rise, first.flat, first.fall) == (second.rise, second.flat, second.fall)
        near(first.amplitude, second.amplitude)
    else:
        np.testing.assert_array_equal(first.times, second.times)
        near(first.values, second.values, 1.1e-11)  # peak times shape


def assert_same_adc(first: mri.Adc, second: mri.Adc):
    assert (first.samples, first.dwell, first.delay) == (second.samples, second.dwell, second.delay)
    near([first.frequency_offset, first.frequency_ppm], [second.frequency_offset, second.frequency_ppm])
    near([first.phase_offset, first.phase_ppm], [second.phase_offset, second.phase_ppm])
    assert (first.phase_modulation is None) == (second.phase_modulation is None)
    if first.phase_modulation is not None:
        near(first.phase_modulation, second.phase_modulation)


def assert_same_extensions(first: mri.Block, second: mri.Block):
    assert first.labels == second.labels
    assert [dataclasses.astuple(t) for t in first.triggers] == [
        dataclasses.astuple(t) for t in second.triggers
    ]
    for name in ("rotation", "soft_delay", "rf_shim"):
        assert (getattr(first, name) is None) == (getattr(second, name) is None)
    if first.rotation is not None:
        assert np.abs(first.rotation - second.rotation).max() < 1e-15
    if first.soft_delay is not None:
        assert dataclasses.astuple(first.soft_delay) == dataclasses.astuple(second.soft_delay)
    if first.rf_shim is not None:
        near(first.rf_shim.magnitudes, second.rf_shim.magnitudes)
        near(first.rf_shim.phases, second.rf_shim.phases)


def assert_same(first: mri.Sequence, second: mri.Sequence):
    assert len(first) == len(second)
    checks = {"rf": assert_same_rf, "adc": assert_same_adc}
    for one, other in zip(first, second, strict=True):
        assert one.duration == other.duration
        assert [name for name, _ in one.events()] == [name for name, _ in other.events()]
        for (name, event), (_, again) in zip(one.events(), other.events(), strict=True):
            checks.get(name, assert_same_gradient)(event, again)
        assert_same_extensions(one, other)
    for name, value in first.definitions.items():
        if name != "TotalDuration" and value is not None:
            assert second.definitions[name] == value
