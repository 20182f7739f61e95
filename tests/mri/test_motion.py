"""Spins that move: phases of velocities, patients that turn, ghosts of what moves to and fro."""

import contextlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.spatial.transform import Rotation

from physim import mri
from physim.mri.motion import Still
from physim.mri.sequence.waveforms import gradients_of
from physim.mri.sequences.pulses import slice_gradient
from physim_phantoms import Grid, InputError, Phantom
from tests.helper import assert_gradient, assert_order, nrmse, unchecked
from tests.mri.instant import pulse, read

RATE = 42.577478518  # Hz/mm per mT/m
US = 10**6
SCANNER = mri.Scanner()
S = mri.sequences


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


def bipolar(amplitude: float) -> mri.Sequence:
    """A bipolar lobe along x between a pulse and a sample: no moment, but a first moment."""
    made = [mri.block(gx=mri.Trapezoid(sign * amplitude, 200 * US, 1000 * US, 200 * US)) for sign in (-1, 1)]
    return mri.Sequence([pulse(np.pi / 2), *made, read()])


FIRST_MOMENT = 10.0 * RATE * 1.2e-3 * 1.4e-3  # of bipolar(10): area times distance of the lobes, cycles s/mm


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("kind", ["flow", "rigid"])
def test_phase_contrast(kind):
    """Two bipolar lobes of opposite sign: their phase difference is 4π γ M₁ v whatever else there is."""
    velocity = np.array([[120.0, 50.0, 0.0], [-300.0, 0.0, 20.0]])
    for one in velocity:
        spin = mri.Isochromats(np.array([[30.0, -20.0, 10.0]]), off_resonance=40.0)
        motion = (
            mri.DisplacementMotion.flow(one[None])
            if kind == "flow"
            else mri.RigidMotion([0.0, 1.0], np.zeros((2, 3)), [np.zeros(3), one])
        )
        up, down = (
            np.asarray(mri.simulate(spin, bipolar(amplitude), SCANNER, motion=motion))[0, 0]
            for amplitude in (10.0, -10.0)
        )
        assert abs(up / down - np.exp(-4j * np.pi * FIRST_MOMENT * one[0])) < 1e-5


def sliced() -> mri.Sequence:
    """Slices, lines there and back, and pulses that meet what was there before."""
    return mri.sequences.spoiled_gradient_echo(
        (4, 3), (64.0, 48.0), np.radians(40), tr=12e-3, te=5e-3, region=S.Slice(8.0), dwell=20e-6
    )


def cloud(spins: int = 40) -> np.ndarray:
    return np.random.default_rng(3).uniform((-25, -20, -8), (25, 20, 8), (spins, 3))


def test_patient_that_has_turned_is_the_turned_patient():
    turn, shift, centre = np.array([0.2, -0.3, 0.4]), np.array([2.0, -1.0, 3.0]), np.array([5.0, 0.0, 8.0])
    motion = mri.RigidMotion([-2.0, -1.0], [np.zeros(3), turn], [np.zeros(3), shift], centre=centre)
    place = cloud()
    moved = (place - centre) @ Rotation.from_rotvec(turn).as_matrix().T + centre + shift
    fine = mri.FourthOrder(20e-6)  # pulses are integrated in two frames: their steps have different errors
    still, turned = (mri.compile_sequence(sliced(), integrator=fine, motion=one) for one in (Still(), motion))
    got = mri.simulate(mri.Isochromats(place, t1=0.8, t2=0.1), turned, SCANNER)
    truth = mri.simulate(mri.Isochromats(moved, t1=0.8, t2=0.1), still, SCANNER)
    assert nrmse(got, truth) < 2e-6


def test_rigid_motion_is_the_displacement_of_every_spin():
    times = np.array([0.0, 0.015, 0.036])
    shifts = np.array([[0, 0, 0], [3.0, -2.0, 1.0], [-1.0, 4.0, 2.0]])
    rigid = mri.RigidMotion(times, np.zeros((3, 3)), shifts)
    place = cloud()
    each = mri.DisplacementMotion(times, np.eye(3)[:, 1:], np.repeat(shifts[1:, None], len(place), axis=1))
    spins = mri.Isochromats(place, t1=0.8, t2=0.1, off_resonance=np.linspace(-30, 30, len(place)))
    first, second = (mri.simulate(spins, sliced(), SCANNER, motion=motion) for motion in (rigid, each))
    assert nrmse(first, second) < 2e-5


def test_moving_spins_feel_eddy_currents_and_delays():
    """A shift before anything is played, against spins that sit there: moments and common phases of induced fields."""
    eddy = mri.EddyCurrent(5e-3, amplitude=(0.05, -0.03, 0.02), offset=(2.0, 0.0, 1.0))
    system = mri.GradientSystem(delays=(4e-6, -3e-6, 0.0), eddy_currents=(eddy,))
    motion = mri.RigidMotion([-2.0, -1.0], np.zeros((2, 3)), [[0, 0, 0], [4.0, -3.0, 2.0]])
    scanner = mri.Scanner(gradients=system)
    got = mri.simulate(mri.Isochromats(cloud(), t1=0.8, t2=0.1), sliced(), scanner, motion=motion)
    there = mri.Isochromats(cloud() + np.array([4.0, -3.0, 2.0]), t1=0.8, t2=0.1)
    assert nrmse(got, mri.simulate(there, sliced(), scanner)) < 2e-5
    assert nrmse(got, mri.simulate(there, sliced(), SCANNER)) > 0.1


def turning(step: float) -> mri.RigidMotion:
    return mri.RigidMotion(
        [0.0, 0.015, 0.036], [[0, 0, 0], [0.3, 0.5, -0.2], [0.1, -0.4, 0.6]], np.zeros((3, 3)), step=step
    )


def test_rotation_converges_with_order_two():
    """Moments in the patient's frame against Gauss-Legendre quadrature of Rᵀ G."""
    sequence = sliced()
    asked = gradients_of(sequence)
    end = sequence.starts()[-1]
    knots = np.unique(np.concatenate([[0, 15 * 10**9], *(axis.times for axis in asked.axes)]))
    knots = knots[knots <= end].astype(float)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    motion = turning(1.0)
    times = (knots[1:, None] + knots[:-1, None]) / 2 + np.diff(knots)[:, None] / 2 * nodes
    vectors = np.stack([np.interp(times.ravel() / 1e12, motion.times, c) for c in motion.rotations.T], 1)
    seen = np.einsum("tji,tj->ti", Rotation.from_rotvec(vectors).as_matrix(), asked.rate(times.ravel()))
    truth = np.einsum("kn,kni->i", np.diff(knots)[:, None] / 2e12 * weights, seen.reshape(*times.shape, 3))

    def error(pieces: int) -> float:
        program = turning(0.8 / pieces).seen(mri.GradientSystem().played(asked.axes, 3.0))
        return float(np.abs(program.moment(np.array([end]))[0] - truth).max())

    assert_order(error, [50, 100, 200, 400], 2.0)
    assert error(800) < 1e-6 * np.abs(truth).max()  # step 1e-3


def test_bloch_equations_of_a_spin_that_moves_and_turns():
    """Slice-selective pulse and gradients by a solver of ordinary differential equations, at 1e-10."""
    rf, gradient = slice_gradient(2000.0, 8.0, S.sinc_pulse(1.2, 2e-3, 4.0), S.Limits())
    sequence = mri.Sequence([mri.block(rf=rf, gz=gradient), mri.block(gx=S.Limits().moment(0.1)), read()])
    end = sequence.starts()[-1] / 1e12
    motion = mri.RigidMotion(
        [0.0, end], [[0, 0, 0], [0.3, 0.2, -0.5]], [[0, 0, 0], [2.0, 0.0, 3.0]], centre=(0.0, 4.0, 0.0)
    )
    place, detuning, t1, t2 = np.array([12.0, -9.0, 1.0]), 35.0, 0.4, 0.03
    centre, (begin, angle) = np.array([0.0, 4.0, 0.0]), (rf.delay / 1e12, np.linalg.norm(motion.rotations[1]))
    cross = np.cross(np.eye(3), motion.rotations[1] / angle)
    curves = [(curve.times / 1e12, curve.values) for curve in gradients_of(sequence).axes]

    def slope(t, m):
        turn = np.eye(3) + np.sin(angle * t / end) * cross + (1 - np.cos(angle * t / end)) * cross @ cross
        now = turn @ (place - centre) + centre + motion.translations[1] * t / end
        b1 = rf.amplitude * np.interp(t - begin, rf.times / 1e12, rf.magnitude * np.cos(rf.phase))
        b1 = b1 if begin <= t <= begin + rf.duration / 1e12 else 0.0
        gradient = np.array([np.interp(t, *curve) for curve in curves])
        omega = 2 * np.pi * np.array([b1, 0.0, detuning + gradient @ now])
        return np.cross(m, omega) + np.array([-m[0] / t2, -m[1] / t2, (1 - m[2]) / t1])

    stops = [0.0, rf.delay / 1e12, (rf.delay + rf.duration) / 1e12, end - 1e-9]
    m = np.array([0.0, 0.0, 1.0])
    for start, stop in itertools.pairwise(stops):
        if stop > start:
            m = solve_ivp(slope, (start, stop), m, "DOP853", rtol=1e-8, atol=1e-10, max_step=1e-4).y[:, -1]
    with jax.enable_x64(True):
        spin = mri.Isochromats(place[None], t1=t1, t2=t2, off_resonance=detuning)
        got = np.asarray(mri.simulate(spin, sequence, SCANNER, motion=motion))[0, 0]
    assert abs(got - (m[0] + 1j * m[1])) < 1e-5


def test_ghosts_of_a_point_that_moves_to_and_fro():
    """Motion along the read-out makes ghosts along the phase encoding, FOV · f · TR apart and as bright as Fourier says.

    Along a column of k-space at k_x the phase of line j is −2π k_x s_j, periodic in j: its Fourier series are the ghosts.
    """
    lines, tr, period, size = 32, 12e-3, 4, 8.0
    sequence = S.spoiled_gradient_echo(
        (4, lines), (200.0, 200.0), np.pi / 2, tr=tr, te=5e-3, region=S.Whole(1e-6), dwell=20e-6
    )
    times = np.arange(lines + 1) * tr
    shift = np.zeros((lines + 1, 3))
    shift[:, 0] = size * np.sin(2 * np.pi * times / (period * tr))
    motion = mri.RigidMotion(times, np.zeros_like(shift), shift)
    spins = mri.Isochromats(np.zeros((1, 3)), t1=1e-3, t2=1e-3)
    k = np.round(mri.kspace_of(sequence)[:, :2] * 200.0)
    column = np.flatnonzero(k[:, 0] == -2)
    column = column[np.argsort(k[column, 1])]

    def image(motion) -> np.ndarray:
        signal = np.asarray(mri.simulate(spins, sequence, SCANNER, motion=motion))[0]
        return np.abs(np.fft.fftshift(np.fft.fft(signal[column])))

    moved, still = image(motion), image(Still())
    spacing = round(lines * tr / (period * tr))  # voxels: FOV f TR over FOV / N
    ghosts = (np.arange(lines) - lines // 2) % spacing == 0
    assert np.delete(still, lines // 2).max() < 1e-4 * still.max()
    assert moved[~ghosts].max() < 1e-3 * still.max()
    assert moved[ghosts].min() > 0.02 * still.max()
    assert (moved**2).sum() == pytest.approx((still**2).sum(), rel=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_derivatives_in_velocities():
    spins = mri.Isochromats(cloud(3), t1=0.8, t2=0.1)
    sequence = S.echo_planar((4, 4), (64.0, 64.0), region=S.Slice(8.0), dwell=10e-6)
    weights = jnp.asarray(np.random.default_rng(2).standard_normal(16))

    def loss(velocity):
        motion = mri.DisplacementMotion.flow(velocity)
        return jnp.imag(weights * mri.simulate(spins, sequence, SCANNER, motion=motion)[0]).sum()

    assert_gradient(loss, 20.0 * jnp.ones((3, 3)), tolerance=1e-6, step=1e-3)


def test_pulses_meet_the_patient_where_he_is():
    """Only what depends on place makes pulses differ: a pulse without a gradient stays one."""
    shifts = np.array([[0, 0, 0], [0, 0, 5.0]])
    motion = mri.RigidMotion([0.0, 0.1], np.zeros((2, 3)), shifts)
    hard = S.spoiled_gradient_echo((4, 3), (64.0, 48.0), 0.3, tr=12e-3, te=5e-3, region=S.Whole())
    assert mri.compile_sequence(hard, motion=motion).pulses == 1
    assert mri.compile_sequence(sliced(), motion=motion).pulses == 3
    assert mri.compile_sequence(sliced()).pulses == 1


@pytest.mark.slow
def test_scan_of_a_patient_that_moves():
    grid = Grid((12, 10, 1), 8.0)
    water = np.zeros(grid.shape, np.float32)
    water[4:8, 3:7] = 1.0
    patient = Phantom.from_fractions(grid, {"water": water})
    sequence = S.echo_planar((12, 10), (96.0, 80.0), region=S.Whole(1e-6), dwell=10e-6)
    silent, key = mri.Scanner(noise=0.0), jax.random.key(0)
    shifted = mri.RigidMotion([-2.0, -1.0], np.zeros((2, 3)), [[0, 0, 0], [16.0, 0, 0]])
    before = np.asarray(mri.reconstruct(mri.scan(patient, sequence, silent, key, per_voxel=4)))
    after = np.asarray(mri.reconstruct(mri.scan(patient, sequence, silent, key, per_voxel=4, motion=shifted)))
    assert np.allclose(after[2:], before[:-2], atol=1e-4 * before.max())
    with pytest.raises(InputError, match="play no gradients"):
        mri.scan(patient, mri.SpinEcho(tr=4.0, te=0.02), silent, key, motion=shifted)


def test_what_cannot_be_is_refused():
    spins, zeros = mri.Isochromats(np.zeros((2, 3))), np.zeros((2, 3))
    moving = mri.RigidMotion([0.0, 1.0], zeros, zeros)
    with pytest.raises(InputError, match="rising"):
        mri.RigidMotion([0.0, 0.0], zeros, zeros)
    with pytest.raises(InputError, match="rotations has shape"):
        mri.RigidMotion([0.0, 1.0, 2.0], zeros, zeros)
    with pytest.raises(InputError, match=r"translations .* NaN"):
        mri.RigidMotion([0.0, 1.0], zeros, zeros * np.nan)
    with pytest.raises(InputError, match="rotations of a motion are traced"):
        jax.grad(lambda turn: mri.RigidMotion([0.0, 1.0], turn, zeros).rotations.sum())(jnp.asarray(zeros))
    with pytest.raises(InputError, match="centre is values from nan"):
        mri.RigidMotion([0.0, 1.0], zeros, zeros, centre=(0.0, np.nan, 0.0))
    coil = mri.Scanner(receive=mri.Loops([[0.0, 120.0, 0.0]], [[0.0, 1.0, 0.0]], 50.0))
    with pytest.raises(InputError, match="move past Loops"):
        mri.simulate(spins, sliced(), coil, motion=moving)
    with pytest.raises(InputError, match="play no gradients"):
        unchecked(mri.scan)(None, mri.SpinEcho(tr=4.0, te=0.02), SCANNER, jax.random.key(0), motion=moving)
    with pytest.raises(InputError, match="pieces"):
        mri.RigidMotion([0.0, 1.0], [zeros[0], zeros[0] + 5], zeros, step=1e-6).seen(
            mri.GradientSystem().played(gradients_of(sliced()).axes, 3.0)
        )
    with pytest.raises(InputError, match="weights has shape"):
        mri.DisplacementMotion([0.0, 1.0], np.zeros((2, 3)), np.zeros((2, 2, 3)))
    with pytest.raises(InputError, match="displaces 3 spins and there are 2"):
        mri.simulate(spins, sliced(), SCANNER, motion=mri.DisplacementMotion.flow(np.zeros((3, 3))))
    with pytest.raises(InputError, match="motion is given with a compiled program"):
        mri.simulate(spins, mri.compile_sequence(sliced()), SCANNER, motion=moving)
    maxwell = mri.GradientSystem(concomitant=mri.ConcomitantFields())
    with pytest.raises(InputError, match="concomitant fields are on"):
        mri.simulate(spins, sliced(), mri.Scanner(gradients=maxwell), motion=moving)
    nonlinear = mri.GradientSystem(nonlinearity=mri.GradientNonlinearity())
    with pytest.raises(InputError, match="not linear in space"):
        mri.simulate(spins, sliced(), mri.Scanner(gradients=nonlinear), motion=moving)
