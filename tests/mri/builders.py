"""One small sequence of every builder, and what tests ask of all of them."""

import numpy as np

from physim import mri
from physim.mri.sequence.trajectory import sample_times

S = mri.sequences
VIEW = (200.0, 160.0)
FLIPS = S.half_sine_flip_angles(12)

BUILDERS = {
    "free_induction_decay": lambda: S.free_induction_decay(64),
    "spin_echo_train": lambda: S.spin_echo_train(4, 9.98e-3, 63, 13.1e-6),
    "spoiled_gradient_echo": lambda: S.spoiled_gradient_echo((8, 6), VIEW, te=4.003e-3, dummies=1),
    "balanced_ssfp": lambda: S.balanced_ssfp((8, 6), VIEW, tr=8e-3, region=S.Slice(4.0)),
    "echo_planar": lambda: S.echo_planar((7, 6), VIEW, te=30.007e-3),
    "spin_echo": lambda: S.spin_echo((7, 4), VIEW, te=20e-3, tr=0.3),
    "turbo_spin_echo": lambda: S.turbo_spin_echo(
        (8, 12), VIEW, te=30e-3, tr=0.5, echo_train=4, preparation=S.FatSaturation()
    ),
    "fluid_attenuated": lambda: S.turbo_spin_echo(
        (8, 12),
        VIEW,
        te=30e-3,
        tr=3.0,
        echo_train=4,
        refocusing=(2.6, 2.2, 2.0, 2.4),
        preparation=S.Inversion(2.0),
        region=S.Whole(),
    ),
    "magnetisation_prepared_gradient_echo": lambda: S.magnetisation_prepared_gradient_echo(
        (8, 6, 4), (200.0, 160.0, 40.0), tr=0.5, ti=0.1, te=3.501e-3
    ),
    "multi_echo_gradient_echo": lambda: S.multi_echo_gradient_echo((8, 6), VIEW),
    "flow_compensated": lambda: S.multi_echo_gradient_echo(
        (8, 6), VIEW, tr=40e-3, echo_times=(10.003e-3, 18.003e-3), flow=S.FlowCompensated()
    ),
    "radial": lambda: S.radial(16, 200.0, te=4.004e-3, spokes=S.GoldenSpokes(7)),
    "koosh_ball": lambda: S.radial(15, 200.0, spokes=S.KooshBall(7), region=S.Whole()),
    "stack_of_stars": lambda: S.radial(
        16, 200.0, spokes=S.StackOfStars(S.UniformSpokes(3), 4, 80.0), region=S.Whole()
    ),
    "spiral": lambda: S.spiral(64, 220.0, interleaves=6, dummies=2),
    "fingerprinting": lambda: S.fingerprinting(FLIPS),
    "fingerprinting_spiral": lambda: S.fingerprinting(
        FLIPS, tr=16e-3, acquisition=S.SpiralInterleaves(64, 220.0, 8), region=S.Slice(5.0)
    ),
    "fingerprinting_radial": lambda: S.fingerprinting(
        FLIPS, te=4e-3, acquisition=S.RadialSpokes(32, 220.0), region=S.Slice(5.0)
    ),
    "diffusion_echo_planar": lambda: S.diffusion_echo_planar((8, 6), VIEW, 700.0, (1.0, 2.0, -2.0)),
}


def middles(sequence: mri.Sequence, use: mri.Use = mri.Use.EXCITATION) -> np.ndarray:
    """When the pulses of a use act, s."""
    pairs = zip(sequence.starts(), sequence, strict=False)
    times = [
        start + one.rf.delay + one.rf.centre
        for start, one in pairs
        if one.rf is not None and one.rf.use is use
    ]
    return np.array(times) / 1e12


def read_at(sequence: mri.Sequence) -> np.ndarray:
    """When each sample is read, s."""
    return sample_times(sequence) / 1e12


def since_excitation(sequence: mri.Sequence) -> np.ndarray:
    """How long after the middle of the last excitation each sample is read, s."""
    excited, read = middles(sequence), read_at(sequence)
    return read - excited[np.searchsorted(excited, read) - 1]


def grid_steps(count: int, length: float) -> np.ndarray:
    """k along one axis, cycles/mm."""
    return (np.arange(count) - count // 2) / length
