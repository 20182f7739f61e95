"""Fast encodings against the direct sum: tolerances, transposes, derivatives, and what happens outside the plan."""

import contextlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physim_kernels
from physim import mri
from physim.mri.encoding.segments import coefficients_at, time_segments
from physim.mri.sequence import Pair, Samples
from tests.helper import assert_adjoint, assert_gradient, nrmse

S = mri.sequences


def problem(axes: int, counts=(90, 0, 60), spins=200, coils=2) -> tuple[Any, ...]:
    """Magnetisation, coils, samples along the first `axes` axes far from k = 0, positions, ±60 Hz over 40 ms, and rates."""
    rng = np.random.default_rng(axes)
    period = np.repeat(np.arange(len(counts)), counts)
    k = rng.uniform(-0.05, 0.05, (len(period), 3)) + [0.3, -2.0, 1.0] + 0.01 * period[:, None]
    k[:, axes:] = 0.125 - 0.02 * period[:, None]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    time = rng.uniform(5e-3, 45e-3, len(period))
    samples = Samples(Pair.of(k), Pair.of(time), np.zeros(len(period)), offsets)
    m = jnp.asarray(rng.standard_normal((2, len(counts), spins)))
    seen = jnp.asarray(rng.standard_normal((coils, 2, spins)))
    place, detuning = rng.uniform(-80, 100, (spins, 3)), rng.uniform(-60, 60, spins)
    return m, seen, samples, jnp.asarray(place), jnp.asarray(detuning), jnp.asarray(rng.uniform(5, 60, spins))


def summed(m, seen, samples, place, detuning, r2):
    """The definition, in float64 NumPy."""
    m, seen, place, detuning, r2 = (np.asarray(a, np.float64) for a in (m, seen, place, detuning, r2))
    k, t = samples.k.value, samples.time.value[:, None]
    turned = np.exp(-t * r2 - 2j * np.pi * (k @ place.T + t * detuning))
    total = (seen[:, 0] + 1j * seen[:, 1]) @ ((m[0] + 1j * m[1])[samples.period] * turned).T
    return np.stack([total.real, total.imag], axis=1)


@pytest.mark.parametrize(
    ("axes", "double", "tolerance"),
    [
        pytest.param(0, False, 1e-3, marks=pytest.mark.slow),
        (1, False, 1e-5),
        (2, False, 1e-4),
        (3, False, 1e-3),
        (2, True, 1e-6),
        pytest.param(3, True, 1e-10, marks=pytest.mark.slow),
    ],
)
def test_tolerance_is_met(axes, double, tolerance):
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        case = problem(axes)
        made = jax.jit(lambda *a: mri.Nonuniform(tolerance).prepared(*case[2:]).encode(*a))(*case)
        assert nrmse(made, summed(*case)) < tolerance


@pytest.mark.slow
def test_in_phase_spins_meet_the_tolerance_of_their_sum():
    """Spins all alike and k from the middle outwards: each sample within the tolerance of Σ|m|."""
    _, _, samples, place, detuning, r2 = problem(2, counts=(150,))
    m, seen = jnp.ones((2, 1, 200)), jnp.ones((1, 2, 200)) * jnp.asarray([[[1.0], [0.0]]])
    samples = Samples(
        Pair.of(samples.k.value - samples.k.value.mean(0)), samples.time, samples.phase, samples.offsets
    )
    case = (m, seen, samples, place, detuning, r2)
    off = np.asarray(mri.Nonuniform(1e-4).encode(*case)) - summed(*case)
    assert np.hypot(*off[0]).max() < 1e-4 * np.sqrt(2) * 200


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_transpose():
    m, seen, *rest = problem(2)
    ready = mri.Nonuniform(1e-3).prepared(*rest)
    signal = jnp.asarray(np.random.default_rng(2).standard_normal((2, 2, 150)))
    forward = jax.jit(lambda m: ready.encode(m, seen, *rest))
    back = jax.jit(lambda s: jax.linear_transpose(forward, m)(s)[0])
    assert_adjoint(forward, back, m, signal, 1e-13)


@pytest.mark.usefixtures("x64")
def test_derivatives_in_every_parameter():
    m, seen, samples, place, detuning, r2 = problem(2, counts=(9, 12), spins=7)
    weights = jnp.asarray(np.random.default_rng(5).standard_normal((2, 2, 21)))
    wider = lambda a: a + 0.05 * (a - a.mean(0))
    ready = mri.Nonuniform(1e-11).prepared(samples, *map(wider, (place, detuning, r2)))

    def loss(change):
        # Within a period nothing is encoded along the last axis, which can only move as a whole.
        by = jnp.concatenate([change[:42].reshape(21, 2), jnp.broadcast_to(change[42], (21, 1))], axis=1)
        k = Pair(samples.k.high + 1e-3 * by, samples.k.low)
        time = Pair(samples.time.high + 1e-2 * change[63:84] * (samples.time.value - 0.02), samples.time.low)
        moved = Samples(k, time, samples.phase, samples.offsets)
        own = place + 0.1 * change[84:105].reshape(7, 3)
        rates = detuning + change[105:112], r2 + 10 * change[112:119]
        return (weights * ready.encode(m, seen + change[119:].reshape(2, 2, 7), moved, own, *rates)).sum()

    assert_gradient(loss, jnp.zeros(147), tolerance=1e-6, step=1e-4, directions=2)


def test_outside_the_plan_is_nan():
    m, seen, samples, place, detuning, r2 = problem(2)
    ready = mri.Nonuniform(1e-3).prepared(samples, place, detuning, r2)
    encode = jax.jit(lambda p, f, r: ready.encode(m, seen, samples, p, f, r))
    assert np.isfinite(encode(place, detuning, r2)).all()
    for moved in ((1.1 * place, detuning, r2), (place, 1.1 * detuning, r2), (place, detuning, 2 * r2)):
        assert np.isnan(encode(*moved)).all()


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, pytest.param(1e-11, marks=pytest.mark.slow)])
def test_segments_bound_the_error_of_every_spin(tolerance):
    """Within the rectangle, not only on its edge where the bound is taken."""
    made = time_segments(tolerance, (0.01, 0.05), (-40.0, 80.0), (10.0, 90.0))
    assert made is not None
    rng = np.random.default_rng(0)
    f, r2, t = rng.uniform(-40, 80, 300), rng.uniform(10, 90, 300), rng.uniform(0.01, 0.05, 200)
    z = r2 - made.r2 + 2j * np.pi * (f - made.detuning)
    nodes = made.start + made.step * np.arange(made.number) - made.start
    with jax.enable_x64(True):
        weights = np.asarray(coefficients_at(jnp.asarray(made.table), jnp.asarray((t - 0.03) / 0.02)))
    approximate = weights @ np.exp(-nodes[:, None] * z)
    assert np.abs(approximate - np.exp(-(t[:, None] - 0.01) * z)).max() <= tolerance
    assert made.number < 40


def test_hopeless_spreads_are_refused():
    assert time_segments(1e-4, (0.0, 1.0), (-1000.0, 1000.0), (0.0, 10.0)) is None
    _, _, samples, place, detuning, r2 = problem(1)
    with pytest.raises(ValueError, match="too many time segments"):
        mri.Nonuniform(1e-4).prepared(samples, place, 100 * detuning, r2)


def echo_train():
    """Spins and the program of a small echo-planar image."""
    rng = np.random.default_rng(0)
    sequence = S.echo_planar((16, 16), (200.0, 200.0), region=S.Whole())
    spins = mri.Isochromats(
        rng.uniform(-90, 90, (300, 3)),
        t1=0.9,
        t2=rng.uniform(0.05, 0.1, 300),
        off_resonance=rng.normal(0, 30, 300),
    )
    return spins, mri.compile_sequence(sequence)


def test_simulate_takes_an_encoding():
    spins, program = echo_train()
    exact = mri.simulate(spins, program, mri.Scanner(), mri.Direct())
    assert nrmse(mri.simulate(spins, program, mri.Scanner(), mri.Nonuniform(1e-4)), exact) < 1e-4
    assert np.array_equal(mri.simulate(spins, program, mri.Scanner()), exact)


def energy(detuning, encoding):
    """A scalar of the samples of `echo_train` for other detunings."""
    spins, program = echo_train()
    own = eqx.tree_at(lambda s: s.off_resonance, spins, detuning)
    return (jnp.abs(mri.simulate(own, program, mri.Scanner(), encoding)) ** 2).sum()


def test_traced_spins_want_a_prepared_encoding():
    with pytest.raises(ValueError, match="prepare_encoding"):
        jax.grad(energy)(echo_train()[0].off_resonance, mri.Nonuniform(1e-4))


@pytest.mark.slow
def test_gradient_by_a_prepared_encoding():
    spins, program = echo_train()
    ready = mri.prepare_encoding(mri.Nonuniform(1e-5), spins, program)
    fast = jax.grad(energy)(spins.off_resonance, ready)
    assert nrmse(fast, jax.grad(energy)(spins.off_resonance, mri.Automatic())) < 1e-4


def test_kernels_are_live():
    """A kernel that does not compile leaves a reference thousands of times slower, which no other test would notice."""
    for name in ("spread", "interpolate"):
        for precision in (np.float32, np.float64):
            assert physim_kernels.ensure(name, precision) is not None


def test_automatic_chooses_by_cost():
    _, _, samples, place, detuning, r2 = problem(2, counts=(90,))
    few = mri.Automatic().prepared(samples, place, detuning, r2)
    assert isinstance(few, mri.Direct)
    many = lambda a: jnp.broadcast_to(a[:, None], (200, 1000, *a.shape[1:])).reshape(-1, *a.shape[1:])
    again = np.tile(np.arange(90), 200)
    cut = lambda pair: Pair.of(pair.value[again])
    long = Samples(cut(samples.k), cut(samples.time), np.zeros(18000), np.array([0, 18000], np.int32))
    spins = many(place), many(detuning), many(r2)
    assert not isinstance(mri.Automatic().prepared(long, *spins), mri.Direct)
    # So many chunks repeat the transforms so often that the sum is quicker.
    assert isinstance(mri.Automatic().prepared(long, *spins, chunks=10**6), mri.Direct)
