"""Moving spins: the phase of a first moment, and sequences whose first moment is zero."""

import numpy as np
import pytest

from physim import mri
from physim.mri.sequence.waveforms import gradients_of
from tests.mri.builders import VIEW, S, middles, read_at
from tests.mri.instant import pulse, read

SCANNER = mri.Scanner()
VELOCITY = np.array([150.0, -80.0, 220.0])  # mm/s
HERE = np.array([[12.0, -7.0, 4.0]])
MS = 10**9


def phase_of_motion(sequence: mri.Sequence) -> np.ndarray:
    """Samples of a moving spin over those of one at rest in the same place: only motion is left."""
    spin = mri.Isochromats(HERE)
    motion = mri.DisplacementMotion.flow(VELOCITY[None])
    moving = np.asarray(mri.simulate(spin, sequence, SCANNER, motion=motion))[0]
    return moving / np.asarray(mri.simulate(spin, sequence, SCANNER))[0]


def first_moment(sequence: mri.Sequence, start: float, end: float) -> np.ndarray:
    """∫ γ/2π G t dt between two times (s), t from the start of the sequence: cycles s/mm."""
    time = np.linspace(start, end, 200001)
    rate = gradients_of(sequence).rate(time * 1e12)
    return np.asarray(np.trapezoid(rate * time[:, None], time, axis=0))


@pytest.mark.usefixtures("precision")
def test_phase_is_the_first_moment_times_velocity():
    """exp(−2πi v·∫ γ/2π G t dt) behind lobes along three axes of different shapes, with a moment of their own."""
    lobes = mri.block(
        gx=mri.Trapezoid(9.0, MS // 2, 2 * MS, MS // 4, delay=MS // 3),
        gy=mri.Trapezoid(-4.0, MS, MS, MS),
        gz=mri.Waveform(np.array([0.0, 7.0, -5.0, 0.0]), np.array([0, 1, 2, 3]) * MS),
    )
    got = phase_of_motion(mri.Sequence([pulse(np.pi / 2), lobes, read()]))[0]
    x = 9.0 * (0.5e-3 / 2 * (1 / 3e3 + 2 / 3 * 0.5e-3) + 2e-3 * (1 / 3e3 + 1.5e-3))
    x += 9.0 * 0.25e-3 / 2 * (1 / 3e3 + 2.5e-3 + 0.25e-3 / 3)
    y = -4.0 * 2e-3 * 1.5e-3
    z = 7e-3 * 1e-3 + -5e-3 * 2e-3  # triangles of half-width 1 ms about 1 and 2 ms
    moments = 42.577478518 * np.array([x, y, z])
    assert abs(got - np.exp(-2j * np.pi * moments @ VELOCITY)) < 1e-5


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("flow", [None, S.FlowCompensated()], ids=["plain", "compensated"])
def test_flow_compensation_nulls_the_phase_along_x_and_z(flow):
    sequence = S.multi_echo_gradient_echo(
        (8, 1), VIEW, 0.01, tr=40e-3, echo_times=(10.003e-3,), flow=flow, region=S.Slice(20.0)
    )
    got = phase_of_motion(sequence)[4]  # k = 0
    start, end = float(middles(sequence)[0]), float(read_at(sequence)[4])
    moment = first_moment(sequence, start, end)
    assert abs(got - np.exp(-2j * np.pi * moment @ VELOCITY)) < 1e-2  # the pulse acts in its middle, nearly
    assert (abs(got - 1) < 1e-2) == (flow is not None)
    if flow is not None:
        assert np.abs(moment[[0, 2]]).max() < 1e-7
