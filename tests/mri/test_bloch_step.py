"""Pulses against independent integrations of the Bloch equations: matrix exponentials and an adaptive ODE solver."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from physim import mri
from physim.mri.bloch.step import bloch_step
from tests.helper import assert_gradient, assert_order

DURATION, PEAK, BETA, MU = 18.3e-3, 13.5e-6 * 42.577478518e6, 4.0, 6.0  # s, Hz
DETUNING = np.linspace(-600.0, 600.0, 25)


def generator(rate, r1, r2):
    """dM/dt = M × ω with relaxation towards 1, as a 4 by 4 matrix."""
    x, y, z = rate
    return np.array([[-r2, z, -y, 0], [-z, -r2, x, 0], [y, -x, -r1, r1], [0, 0, 0, 0.0]])


def secant(time):
    """Nutation rate of the hyperbolic secant, rad/s, as a complex number x + iy."""
    tau = 2 * time / DURATION - 1
    return 2 * np.pi * PEAK / np.cosh(BETA * tau) * np.exp(-1j * MU * np.log(np.cosh(BETA * tau)))


def march(integrator, steps: int, r1: float, r2: float):
    """The secant in equal steps, for all detunings."""
    length = DURATION / steps
    times = (np.arange(steps)[:, None] + np.asarray(integrator.nodes)) * length
    fields = secant(times)
    still = jnp.zeros(len(DETUNING))

    def one(m, field):
        rates = [(still + f.real, still + f.imag, 2 * jnp.pi * jnp.asarray(DETUNING)) for f in field]
        turn, change = integrator.exponent(rates, length)
        return bloch_step(m, turn, change, length, r1, r2, r1), None

    return np.array(jax.lax.scan(one, (still, still, still + 1), jnp.asarray(fields))[0])


@pytest.fixture(scope="module")
def truth():
    """The secant by an adaptive Runge-Kutta method of order 8, without and with relaxation."""

    def solved(r1, r2):
        def rate(time, m, detuning):
            b = secant(time)
            return (generator((b.real, b.imag, 2 * np.pi * detuning), r1, r2) @ np.append(m, 1))[:3]

        kinds = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-12}
        return np.array(
            [solve_ivp(rate, (0, DURATION), [0, 0, 1.0], args=(d,), **kinds).y[:, -1] for d in DETUNING]
        ).T

    return {rates: solved(*rates) for rates in ((0.0, 0.0), (1 / 0.8, 1 / 0.05))}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("rates", [(0.0, 0.0), (1 / 0.8, 1 / 0.05)])
def test_fourth_order_on_the_hyperbolic_secant(truth, rates):
    got = march(mri.FourthOrder(), round(DURATION / 50e-6), *rates)
    assert np.abs(got - truth[rates]).max() < 1e-5


@pytest.mark.usefixtures("x64")
def test_midpoint_on_the_hyperbolic_secant_at_resonance(truth):
    got = march(mri.Midpoint(), round(DURATION / 100e-6), 0.0, 0.0)[2]
    assert np.abs(got - truth[0.0, 0.0][2])[12] < 9e-5


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("integrator", "order"), [(mri.Midpoint(), 2), (mri.FourthOrder(), 4)])
def test_orders(truth, integrator, order):
    def error(steps):
        return np.abs(march(integrator, steps, 0.0, 0.0) - truth[0.0, 0.0]).max()

    assert_order(error, (92, 183, 366), order)


@pytest.mark.parametrize(("rounding", "double"), [(1e-6, False), (1e-9, True)])
def test_one_step_with_any_field_and_relaxation(rounding, double):
    rng = np.random.default_rng(3)
    length, r1, r2 = 50e-6, 1 / 0.5, 1 / 0.02
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        for size in (0.0, 10.0, 3e3, 9e3, 2e4, 1e5):
            rate, m = rng.standard_normal(3) * size, rng.standard_normal(3)
            exact = (expm(generator(rate, r1, r2) * length) @ np.append(m, 1))[:3]
            still = (jnp.zeros(()),) * 3
            turn = tuple(jnp.asarray(r * length) for r in rate)
            got = bloch_step(tuple(map(jnp.asarray, m)), turn, still, length, r1, r2, r1)
            stated = (r2 * length) ** 2 * np.linalg.norm(rate) * length / 12
            assert np.linalg.norm(np.array(got) - exact) < (stated + rounding) * (1 + np.linalg.norm(m))


@pytest.mark.usefixtures("x64")
def test_derivatives_exist_at_zero_field_and_agree_with_differences():
    def of_rate(rate):
        turn = tuple(rate[i] * 50e-6 for i in range(3))
        still = (jnp.zeros(()),) * 3
        start = tuple(jnp.asarray(v) for v in (0.2, -0.1, 0.7))
        m = bloch_step(start, turn, still, 50e-6, 2.0, 30.0, 2.0)
        return m[0] + 2 * m[1] - m[2]

    for start in (0.0, 1e4):
        assert np.all(np.isfinite(jax.grad(of_rate)(jnp.full(3, start))))
        assert_gradient(of_rate, jnp.full(3, start), step=1e-1, tolerance=1e-6)


@pytest.mark.parametrize(("tolerance", "double"), [(1e-5, False), (1e-6, True)])
def test_pulse_of_a_sequence_against_an_adaptive_solver(tolerance, double):
    """A slice-selective sinc, off resonance, off centre, in a weak transmit field, with a frequency offset."""
    rf, gradient = mri.sequences.sinc_pulse(1.2, 2e-3), mri.Trapezoid(10.0, 10**8, 2 * 10**9, 10**8)
    fields = {name: getattr(rf, name) for name in rf.__dataclass_fields__}
    rf = mri.Rf(**{**fields, "delay": 10**8, "frequency_offset": 300.0})
    place, detuning, b1, t1, t2 = np.array([0.0, 0.0, 0.5]), 45.0, 0.9, 0.7, 0.04
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        spins = mri.Isochromats(place[None], t1=t1, t2=t2, off_resonance=detuning, b1=b1)
        sequence = mri.Sequence([mri.block(rf=rf, gz=gradient), mri.Block(10**6, adc=mri.Adc(1, 10**6))])
        program = mri.compile_sequence(sequence, integrator=mri.FourthOrder(20e-6))
        got = np.asarray(mri.magnetisation(spins, program))[:, 0, 0]

    def rate(time, m):
        wave = rf.at(np.array(time * 1e12)) * 2 * np.pi * rf.amplitude * b1
        b = complex(*wave) * np.exp(-2j * np.pi * rf.frequency_offset * time)
        z = 2 * np.pi * (detuning + 42.577478518 * gradient.amplitude * place[2])
        return (generator((b.real, b.imag, z), 1 / t1, 1 / t2) @ np.append(m, 1))[:3]

    exact = solve_ivp(rate, (0, 2e-3), [0, 0, 1.0], method="DOP853", rtol=1e-10, atol=1e-11, max_step=5e-6)
    assert np.abs(got - exact.y[:, -1]).max() < tolerance


def test_a_program_keeps_its_integrator_and_its_field():
    sequence = mri.Sequence(
        [mri.block(rf=mri.sequences.hard_pulse(1.0)), mri.Block(10**6, adc=mri.Adc(1, 10**6))]
    )
    spins = mri.Isochromats(np.zeros((1, 3)))
    program = mri.compile_sequence(sequence, field=1.5, integrator=mri.Midpoint())
    assert abs(complex(mri.simulate(spins, program, mri.Scanner(field=1.5))[0, 0]) - 1j * np.sin(1.0)) < 1e-6
    with pytest.raises(ValueError, match=r"compiled for 1\.5 T and the scanner has 3 T.*field=3"):
        mri.simulate(spins, program, mri.Scanner(field=3.0))


def test_a_pypulseq_object_is_taken_as_it_is():
    pypulseq = pytest.importorskip("pypulseq")
    theirs = pypulseq.Sequence()
    theirs.add_block(pypulseq.make_block_pulse(1.0, duration=1e-3, use="excitation"))
    theirs.add_block(pypulseq.make_adc(2, dwell=1e-5))
    spins = mri.Isochromats(np.zeros((1, 3)))
    ours = mri.simulate(spins, mri.from_pypulseq(theirs), mri.Scanner())
    assert np.array_equal(mri.simulate(spins, theirs, mri.Scanner()), ours)
    with pytest.raises(ValueError, match="must be a pypulseq"):
        mri.simulate(spins, 3, mri.Scanner())
