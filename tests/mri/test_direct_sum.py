"""The direct sum: kernel, reference and NumPy agree; transpose and derivatives are exact."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physim_kernels
from physim import mri
from physim.mri.direct_sum import encode_directly
from physim.mri.sequence import Pair, Samples
from tests.helper import assert_adjoint, assert_gradient, assert_same, nrmse


def samples_of(counts, steady: bool, dwell=1e-5) -> Samples:
    """Read-outs behind the pulses of several periods, in equal steps of k or not."""
    period = np.repeat(np.arange(len(counts)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    k = np.stack([(number % 70 - 32) / 220, 0.01 * period, 0.002 * number], axis=1)
    if not steady:
        k[:, 1] += 0.01 * np.sin(3.0 * number)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    time = 4e-3 + number * dwell
    return Samples(Pair.of(k), Pair.of(time), np.zeros(len(k)), offsets)


def problem(spins=300, counts=(70, 0, 133, 5), steady=True, axes=3):
    """Magnetisation, samples, positions, detunings and rates in the precision at hand."""
    rng = np.random.default_rng(1)
    made = samples_of(counts, steady)
    if axes > 3:
        more = made.k.value[:, :1] * np.linspace(-0.3, 0.5, axes - 3)
        made = Samples(Pair.of(np.concatenate([made.k.value, more], 1)), *_rest(made))
    m = jnp.asarray(rng.standard_normal((2, len(counts), spins)))
    place = jnp.asarray(rng.uniform(-110, 110, (spins, axes)))
    return m, made, place, jnp.asarray(rng.normal(0, 60, spins)), jnp.asarray(rng.uniform(1, 300, spins))


def summed(m, samples: Samples, place, detuning, r2) -> np.ndarray:
    """The definition, in float64 NumPy."""
    m, place, detuning, r2 = (np.asarray(a, np.float64) for a in (m, place, detuning, r2))
    k, t = samples.k.value, samples.time.value[:, None]
    factor = np.exp(-t * r2 - 2j * np.pi * (k @ place.T + t * detuning))
    total = ((m[0] + 1j * m[1])[samples.period] * factor).sum(1)
    return np.stack([total.real, total.imag])


@pytest.mark.parametrize("axes", [3, 7])
@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize(("double", "tolerance"), [(False, 5e-6), (True, 1e-12)])
def test_kernel_and_reference_against_the_definition(steady, double, tolerance, axes):
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        case = problem(steady=steady, axes=axes)
        truth = summed(*case)
        fast = jax.jit(lambda *a: encode_directly(*a))(*case)
        with physim_kernels.disabled():
            plain = jax.jit(lambda *a: encode_directly(*a))(*case)
        assert nrmse(fast, truth) < tolerance
        assert nrmse(plain, truth) < tolerance
        assert not np.array_equal(fast, plain), "both ran the same code"


@pytest.mark.parametrize("axes", [3, 7])
@pytest.mark.parametrize("steady", [True, False])
@pytest.mark.parametrize(("double", "tolerance"), [(False, 1e-6), (True, 1e-13)])
def test_transpose(steady, double, tolerance, axes):
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        m, *rest = problem(steady=steady, axes=axes)
        signal = jnp.asarray(np.random.default_rng(2).standard_normal((2, rest[0].phase.shape[0])))
        forward = jax.jit(lambda m: encode_directly(m, *rest))
        back = jax.jit(lambda s: jax.linear_transpose(forward, m)(s)[0])
        assert_adjoint(forward, back, m, signal, tolerance)
        with physim_kernels.disabled():
            plain = jax.jit(lambda s: jax.linear_transpose(lambda m: encode_directly(m, *rest), m)(s)[0])(
                signal
            )
        assert_same(back(signal), plain, 1e-12 if double else 1e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("what", ["k", "time", "position", "detuning", "r2"])
def test_derivatives_in_every_parameter(what):
    m, samples, place, detuning, r2 = problem(spins=7, counts=(9, 12), steady=False, axes=4)
    weights = jnp.asarray(np.random.default_rng(5).standard_normal((2, 21)))
    scale = {"k": 1e-3, "time": 1e-3, "position": 1.0, "detuning": 10.0, "r2": 10.0}[what]

    def loss(change):
        own = {"position": place, "detuning": detuning, "r2": r2}
        moved = samples
        if what in own:
            own[what] = own[what] + scale * change
        elif what == "k":
            moved = Samples(Pair(samples.k.high + scale * change, samples.k.low), *_rest(samples))
        else:
            time = Pair(samples.time.high + scale * change, samples.time.low)
            moved = Samples(samples.k, time, samples.phase, samples.offsets)
        return (weights * encode_directly(m, moved, **own)).sum()

    shapes = {"k": (21, 4), "time": (21,), "position": (7, 4), "detuning": (7,), "r2": (7,)}
    assert_gradient(loss, jnp.zeros(shapes[what]), tolerance=1e-6, step=1e-5)


def _rest(samples: Samples):
    return samples.time, samples.phase, samples.offsets


def test_many_spins_and_a_long_sequence_in_single_precision():
    """10⁴ samples of an EPI 5 s into a sequence: float32 against float64 within 5 × 10⁻⁶."""
    lines = mri.sequences.echo_planar((100, 100), (220.0, 220.0), region=mri.sequences.Whole(), dwell=3e-6)
    sequence = mri.Sequence([mri.Block(5 * 10**12), *lines])
    rng = np.random.default_rng(0)
    place, detuning = rng.uniform(-100, 100, (200, 3)), rng.normal(0, 30, 200)
    made = []
    for double in (False, True):
        with jax.enable_x64(True) if double else contextlib.nullcontext():
            spins = mri.Isochromats(
                np.float32(place).astype(float),
                t1=0.9,
                t2=0.08,
                off_resonance=np.float32(detuning).astype(float),
            )
            made.append(np.asarray(mri.simulate(spins, sequence, mri.Scanner())))
    assert nrmse(made[0], made[1]) < 5e-6
