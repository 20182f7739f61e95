"""Sequence diagrams: every channel shows what is played, and what cannot be shown is refused."""

import numpy as np
import pytest

from physim import mri
from physim_phantoms import InputError

S = mri.sequences


def drawn(axes) -> np.ndarray:
    """All finite vertical values of the lines in a panel."""
    return np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])


def test_every_channel_shows_what_is_played():
    sequence = S.spoiled_gradient_echo((8, 6), (200.0, 160.0), 0.3)
    figure = mri.plot(sequence, end=30e-3)
    rf, phase, gx, gy, gz, adc, kspace = figure.axes
    pulse = sequence.blocks[0].rf
    assert drawn(rf).max() == pytest.approx(
        pulse.amplitude * pulse.magnitude.max(), rel=1e-4
    )  # drawn at 2000 points
    assert np.abs(drawn(phase)).max() <= np.pi + 1e-6
    readout = next(one.gx for one in sequence if one.adc is not None)
    assert np.any(np.isclose(drawn(gx), readout.amplitude))
    assert np.any(np.isclose(drawn(gz), sequence.blocks[0].gz.amplitude))
    assert gx.get_ylim() == gy.get_ylim() == gz.get_ylim()
    assert len(adc.collections) == 3, "three repetitions begin within 30 ms"
    places = np.asarray(kspace.collections[0].get_offsets())
    assert np.allclose(places, mri.kspace_of(sequence)[:, :2])


def test_a_sequence_without_samples_is_drawn(tmp_path):
    figure = mri.plot(mri.Sequence([mri.block(rf=S.hard_pulse(0.2))]))
    figure.savefig(tmp_path / "diagram.png")
    assert (tmp_path / "diagram.png").stat().st_size > 1000


def test_times_outside_the_sequence_are_refused():
    sequence = mri.Sequence([mri.block(rf=S.hard_pulse(0.2))])
    with pytest.raises(InputError, match="nothing is played between 5 and"):
        mri.plot(sequence, start=5.0)
