"""Gradients as a real system plays them: delays, eddy currents, concomitant fields and fields that are not linear."""

import contextlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from physim import mri
from physim.mri.gradients.curve import Curve
from physim.mri.sequence.waveforms import gradients_of
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradient, assert_order, nrmse, unchecked
from tests.mri.instant import pulse, read

RATIO = 42.577478518e6  # Hz/T
RATE = RATIO * 1e-6  # Hz/mm per mT/m
US = 10**6
MAXWELL = mri.GradientSystem(concomitant=mri.ConcomitantFields())


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


def lobes(x=0.0, y=0.0, z=0.0, rise=200, flat=2000) -> list[mri.Block]:
    """A bipolar lobe along any direction: no moment, but concomitant fields that do not cancel."""

    def lobe(amplitude: float) -> mri.Trapezoid:
        return mri.Trapezoid(amplitude, rise * US, flat * US, rise * US)

    return [mri.block(gx=lobe(sign * x), gy=lobe(sign * y), gz=lobe(sign * z)) for sign in (1, -1)]


def busy_sequence() -> mri.Sequence:
    """Ramps, arbitrary waveforms and jumps on all axes."""
    wave = mri.Waveform(np.array([4.0, -7.0, 3.0, 3.0]), np.array([0, 90, 130, 400]) * US, delay=33 * US)
    turn = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1.0]])
    blocks = [
        mri.block(gx=mri.Trapezoid(11.0, 70 * US, 300 * US, 60 * US), gy=wave),
        mri.block(gy=mri.Trapezoid(-5.0, 90 * US, 0, 90 * US), gz=wave, rotation=turn),
        mri.Block(700 * US),
    ]
    return mri.Sequence(blocks)


def played(sequence, system, field=3.0):
    return system.played(gradients_of(sequence).axes, field)


def test_the_default_is_what_was_asked_for():
    sequence = busy_sequence()
    times = np.linspace(0, sequence.starts()[-1], 57)
    ideal, asked = played(sequence, mri.GradientSystem()), gradients_of(sequence)
    assert ideal.repeats
    assert np.array_equal(ideal.moment(times), asked.moment(times))
    assert np.array_equal(ideal.rate(times), asked.rate(times))
    assert not ideal.common(times).any()


def test_delays_shift_the_moments():
    sequence = busy_sequence()
    late = played(sequence, mri.GradientSystem(delays=(3e-6, -2e-6, 0.0)))
    times = np.linspace(5e6, sequence.starts()[-1] - 5e6, 41)
    for axis, shift in enumerate((3 * US, -2 * US, 0)):
        truth = gradients_of(sequence).moment(times - shift)[:, axis]
        assert np.allclose(late.moment(times)[:, axis], truth, rtol=0, atol=1e-13)


def test_delays_shift_lines_of_kspace():
    """A delayed read-out gradient moves every sample by −G τ along k."""
    adc = mri.Adc(16, 4 * US, delay=300 * US)
    line = mri.block(gx=mri.Trapezoid(10.0, 200 * US, 300 * US, 200 * US), adc=adc)
    sequence = mri.Sequence([pulse(np.pi / 2), line])
    plain = mri.compile_sequence(sequence).samples.k.value
    late = mri.compile_sequence(sequence, gradients=mri.GradientSystem(delays=(1.5e-6, 0.0, 0.0)))
    assert np.allclose(late.samples.k.value - plain, [-10.0 * RATE * 1.5e-6, 0, 0], rtol=0, atol=1e-12)


def ghost(delay: float) -> float:
    """The N/2 ghost of a point at the centre, relative to the point itself."""
    lines = mri.sequences.echo_planar((17, 16), (220.0, 220.0), region=mri.sequences.Whole(1e-6), dwell=10e-6)
    scanner = mri.Scanner(noise=0.0, gradients=mri.GradientSystem(delays=(delay, 0.0, 0.0)))
    spins = mri.Isochromats(np.array([[40.0, 0.0, 0.0]]))
    order = np.lexsort(np.round(mri.kspace_of(lines)[:, :2].T * 220.0))
    samples = np.asarray(mri.simulate(spins, lines, scanner))[0][order].reshape(16, 17)
    image = np.fft.fftshift(np.fft.fft(samples[:, 8], axis=0))
    return abs(image[0]) / abs(image[8])


@pytest.mark.parametrize("delay", [0.5e-6, 2e-6])
def test_ghost_of_a_delay_follows_the_tangent(delay):
    """Lines there and back are shifted to opposite sides: point at x, phases ±φ, ghost : image = sin φ : cos φ."""
    gradient = 1 / (220.0 * 10e-6)  # Hz/mm
    phase = 2 * np.pi * gradient * delay * 40.0
    assert ghost(delay) == pytest.approx(np.tan(phase), rel=2e-4)


def numerically_induced(curve: Curve, tau: float, times) -> np.ndarray:
    """Σ over linear pieces of ∫ slope exp(−(t − s)/τ) ds by quadrature, and jumps."""

    def piece(time, start, end, change):
        if start >= time:
            return 0.0
        if start == end:
            return change * np.exp(-(time - start) / tau)
        slope = change / (end - start)
        return quad(
            lambda s: slope * np.exp(-(time - s) / tau), start, min(end, time), epsabs=1e-12, epsrel=1e-12
        )[0]

    corners, changes = curve.times / 1e12, np.diff(curve.values)
    pieces = list(zip(corners[:-1], corners[1:], changes, strict=True))
    return np.array([sum(piece(time, *one) for one in pieces) for time in times / 1e12])


@pytest.mark.parametrize("tau", [30e-6, 4e-3])
def test_eddy_currents_are_the_convolution(tau):
    sequence = busy_sequence()
    eddy = mri.EddyCurrent(tau, amplitude=(0.02, -0.01, 0.03), offset=(0.0, 7.0, 0.0))
    system = mri.GradientSystem(eddy_currents=(eddy,))
    actual, asked = played(sequence, system), gradients_of(sequence)
    times = np.linspace(1, sequence.starts()[-1], 23)
    for axis, amplitude in enumerate((0.02, -0.01, 0.03)):
        truth = numerically_induced(asked.axes[axis], tau, times)
        got = actual.rate(times)[:, axis] - asked.rate(times)[:, axis]
        assert np.allclose(got, -amplitude * truth, rtol=0, atol=1e-9 * np.abs(truth).max())
    truth = -7.0 * numerically_induced(asked.axes[1], tau, times)
    assert np.allclose(actual.uniform[0].at(times), truth, rtol=0, atol=1e-9 * np.abs(truth).max())


def test_integrals_of_eddy_currents_converge_to_the_closed_form():
    """Trapezoid sums of the induced gradient approach its closed integrals with order 2."""
    sequence = mri.Sequence(
        [mri.block(gx=mri.Trapezoid(11.0, 70 * US, 300 * US, 60 * US)), mri.Block(500 * US)]
    )
    eddy = mri.EddyCurrent(200e-6, amplitude=(0.1, 0.0, 0.0))
    axis = played(sequence, mri.GradientSystem(eddy_currents=(eddy,))).axes[0]
    end = 900 * US

    def error(steps: int, finer: str, coarser: str) -> float:
        times = np.linspace(0, end, steps + 1)
        total = np.trapezoid(getattr(axis, coarser)(times), times / 1e12)
        return abs(total - getattr(axis, finer)(np.array([end]))[0])

    for pair in (("integral", "at"), ("second_integral", "integral")):
        assert_order(lambda n, pair=pair: error(n, *pair), [900, 1800, 3600], 2.0, slack=0.3)


def test_uniform_eddy_field_is_a_frequency_that_all_spins_share():
    """A long gradient ramps up long before the pulse: what is left of its B0 term is exp(−t/τ), in phase and pulse alike."""
    tau, offset = 20e-3, 3.0
    ramp = mri.block(gx=mri.Trapezoid(10.0, 100 * US, 0, 100 * US))
    step = mri.Waveform(np.array([8.0, 8.0]), np.array([0, 5000 * US]))
    blocks = [mri.block(gx=step), pulse(np.pi / 2), mri.Block(4000 * US), read(), ramp]
    system = mri.GradientSystem(eddy_currents=(mri.EddyCurrent(tau, offset=(offset, 0.0, 0.0)),))
    signal = np.asarray(
        mri.simulate(mri.Isochromats(np.zeros((1, 3))), mri.Sequence(blocks), mri.Scanner(gradients=system))
    )
    left = -8.0 * RATE * offset * (np.exp(-5e-3 / tau) - 1)
    cycles = left * tau * (1 - np.exp(-4e-3 / tau))
    assert abs(signal[0, 0] - 1j * np.exp(-2j * np.pi * cycles)) < 2e-5


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("amplitudes", [(30.0, 0.0, 0.0), (0.0, 0.0, 30.0), (20.0, -10.0, 15.0)])
def test_concomitant_phase_of_a_bipolar_lobe(amplitudes):
    place = np.array([[60.0, -40.0, 80.0], [0.0, 90.0, -70.0], [0.0, 0.0, 0.0]])
    field = 1.5
    spins = mri.Isochromats(place)
    blocks = [pulse(np.pi / 2), *lobes(*amplitudes), read()]
    for one in range(3):
        spin = mri.Isochromats(place[one : one + 1])
        signal = mri.simulate(spin, mri.Sequence(blocks), mri.Scanner(field=field, gradients=MAXWELL))[0, 0]
        gx, gy, gz = np.array(amplitudes) * 1e-6  # T/mm
        x, y, z = place[one]
        bc = ((gx**2 + gy**2) * z**2 + gz**2 * (x**2 + y**2) / 4 - gx * gz * x * z - gy * gz * y * z) / (
            2 * field
        )
        seconds = 2 * (2000e-6 + 2 * 200e-6 / 3)  # ∫ of the squared shape
        assert abs(signal - 1j * np.exp(-2j * np.pi * RATIO * bc * seconds)) < 1e-5
    assert spins.count == 3


def test_concomitant_field_is_the_length_of_the_whole_field_to_the_next_order():
    """|B| of the divergence- and curl-free field of symmetric coils, along a busy sequence, by quadrature."""
    sequence = busy_sequence()
    place, end = np.array([50.0, -30.0, 70.0]), sequence.starts()[-1] / 1e12
    asked = gradients_of(sequence)

    def length(time: float, field: float) -> float:
        gx, gy, gz = asked.rate(np.array([time * 1e12]))[0] / RATIO  # T/mm
        x, y, z = place
        b = np.array([gx * z - gz * x / 2, gy * z - gz * y / 2, field + gx * x + gy * y + gz * z])
        return (np.linalg.norm(b) - b[2]) * RATIO

    def difference(field: float) -> tuple[float, float]:
        knots = np.unique(np.concatenate([curve.times for curve in asked.axes])) / 1e12
        nodes, weights = np.polynomial.legendre.leggauss(8)
        pieces = itertools.pairwise(knots)
        truth = sum(
            (b - a) / 2 * w * length((a + b) / 2 + (b - a) / 2 * n, field)
            for a, b in pieces
            for n, w in zip(nodes, weights, strict=True)
        )
        with jax.enable_x64(True):
            functions = np.asarray(MAXWELL.places(jnp.asarray(place[None])))[0, 3:]
        moment = played(sequence, MAXWELL, field).moment(np.array([end * 1e12]))[0, 3:]
        return float(abs(functions @ moment - truth)), float(abs(truth))

    errors = [difference(field)[0] for field in (0.25, 0.5, 1.0)]
    assert difference(0.5)[0] / difference(0.5)[1] < 1e-2
    assert np.log2(errors[0] / errors[1]) == pytest.approx(
        2, abs=0.1
    )  # next order: 1 / B0² where the first is 1 / B0
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


def test_nonlinear_gradients_move_spins_to_where_they_seem_to_be():
    nonlinear = mri.GradientNonlinearity(cubic=(-0.05, 0.04, -0.08), quintic=(0.02, 0.0, 0.03))
    place = jnp.asarray(np.random.default_rng(0).uniform(-120, 120, (5, 3)))
    sequence = mri.sequences.echo_planar((8, 8), (220.0, 220.0), dwell=10e-6)
    scanner = mri.Scanner(gradients=mri.GradientSystem(nonlinearity=nonlinear))
    got = mri.simulate(mri.Isochromats(place), sequence, scanner)
    moved = mri.simulate(mri.Isochromats(nonlinear.places(place)), sequence, mri.Scanner())
    assert np.abs(got - moved).max() < 1e-5 * np.abs(moved).max()


@pytest.mark.usefixtures("x64")
def test_nonlinear_fields_satisfy_the_laplace_equation():
    nonlinear = mri.GradientNonlinearity(cubic=(0.3, 0.2, 0.1), quintic=(0.2, 0.3, 0.1))
    place = jnp.asarray([70.0, -40.0, 110.0])
    second = jax.jit(jax.hessian(nonlinear.places))(place)
    assert np.abs(np.trace(second, axis1=1, axis2=2)).max() < 1e-12 * np.abs(second).max() * 10
    along = jnp.diag(jnp.full(3, 250.0))
    assert np.allclose(jnp.diag(nonlinear.places(along)) / 250.0 - 1, [0.5, 0.5, 0.2])


def warped_ball(voxels: int) -> tuple[Grid, mri.GradientNonlinearity, jax.Array, jax.Array]:
    """A smooth ball as a scanner with bad gradients shows it, and as it is."""
    grid = Grid((voxels, voxels, voxels), 288.0 / voxels)
    nonlinear = mri.GradientNonlinearity(cubic=(-0.2, -0.2, -0.3), quintic=(0.1, 0.1, 0.1))
    centres = jnp.asarray(grid.centres())

    def ball(place):
        return jnp.exp(-jnp.sum((place - jnp.array([70.0, -60.0, 45.0])) ** 2, -1) / (2 * 22.0**2))

    seen = centres  # the place r whose r' is here, by fixed-point iteration
    shift = jax.jit(lambda seen: seen - (nonlinear.places(seen) - centres))
    for _ in range(40):
        seen = shift(seen)
    slopes = jax.jit(jax.vmap(jax.jacfwd(nonlinear.places)))(seen.reshape(-1, 3))
    return (
        grid,
        nonlinear,
        ball(seen) / jnp.abs(jnp.linalg.det(slopes)).reshape(grid.shape),
        ball(centres),
    )


def test_unwarped_image_has_the_shape_of_the_object():
    grid, nonlinear, warped, truth = warped_ball(48)
    assert nrmse(warped, truth) > 0.12
    straight = mri.unwarp(warped * jnp.exp(0.3j), grid, nonlinear)
    assert nrmse(straight, truth * np.exp(0.3j)) < 0.015


def test_one_slice_is_unwarped_within_its_plane():
    thin = Grid((12, 10, 1), 6.0, (-33.0, -27.0, 80.0))
    ideal = mri.unwarp(jnp.ones(thin.shape), thin, mri.GradientNonlinearity())
    assert np.allclose(ideal, 1.0, atol=1e-5)
    through = mri.unwarp(jnp.ones(thin.shape), thin, mri.GradientNonlinearity(cubic=(0.0, 0.0, 0.2)))
    assert np.allclose(through, 1.0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_derivative_in_the_coefficients_of_a_nonlinearity():
    sequence = mri.sequences.echo_planar((4, 4), (220.0, 220.0), dwell=10e-6)
    spins = mri.Isochromats(np.random.default_rng(1).uniform(-90, 90, (3, 3)))
    weights = jnp.asarray(np.random.default_rng(2).standard_normal(16))

    def loss(cubic):
        system = mri.GradientSystem(nonlinearity=mri.GradientNonlinearity(cubic=cubic))
        return jnp.real(weights * mri.simulate(spins, sequence, mri.Scanner(gradients=system))[0]).sum()

    assert_gradient(loss, jnp.array([0.02, -0.03, 0.01]), tolerance=1e-6, step=1e-5)


def test_what_cannot_be_is_refused():
    sequence = mri.Sequence([pulse(0.3), read()])
    spins = mri.Isochromats(np.zeros((1, 3)))
    with pytest.raises(InputError, match="three numbers"):
        mri.GradientSystem(delays=[1e-6, 0.0])
    with pytest.raises(InputError, match=r"delays is .*between -0.01 and 0.01 s"):
        mri.GradientSystem(delays=(0.5, 0.0, 0.0))
    with pytest.raises(InputError, match="time_constant"):
        mri.EddyCurrent(0.0)
    with pytest.raises(InputError, match="amplitude"):
        mri.EddyCurrent(0.1, amplitude=(np.nan, 0.0, 0.0))
    with pytest.raises(InputError, match="compiled for another gradient system"):
        mri.simulate(spins, mri.compile_sequence(sequence), mri.Scanner(gradients=MAXWELL))
    with pytest.raises(InputError, match="the delays of the gradient system are traced"):
        jax.grad(
            lambda d: mri.compile_sequence(
                sequence, gradients=mri.GradientSystem(delays=d)
            ).samples.k.high.sum()
        )(jnp.zeros(3))
    late = mri.GradientSystem(delays=(1e-6, 0.0, 0.0))
    program = mri.compile_sequence(sequence, gradients=late)
    with pytest.raises(InputError, match="the scanner's is traced"):
        jax.grad(
            lambda d: mri.simulate(
                spins, program, mri.Scanner(gradients=mri.GradientSystem(delays=d))
            ).real.sum()
        )(jnp.array([1e-6, 0.0, 0.0]))
    with pytest.raises(InputError, match="play no gradients"):
        unchecked(mri.scan)(
            None, mri.SpinEcho(tr=4.0, te=0.02), mri.Scanner(gradients=late), jax.random.key(0)
        )
    with pytest.raises(InputError, match="image has shape"):
        mri.unwarp(jnp.zeros((3, 3, 3)), Grid((4, 4, 4), 1.0), mri.GradientNonlinearity())
