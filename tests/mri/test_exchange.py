"""Exchange without pulses, and matrix exponentials: closed forms against SciPy's expm, also where modes coalesce."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm, expm_frechet

from physim.mri.bloch.exchange import Exchange, modes, propagate
from physim.mri.bloch.exponential import exponential
from physim.mri.sequence.program import Pair
from tests.helper import assert_gradient

# R_a, R_b, exchange out and back (1/s), shift (rad/s): slow, fast, none, equal pools without exchange, modes that coalesce.
CASES = np.array(
    [
        [12.0, 10.0, 0.03, 30.0, 2800.0],
        [12.0, 60.0, 5.0, 1000.0, -300.0],
        [12.0, 60.0, 0.0, 0.0, 800.0],
        [12.0, 12.0, 0.0, 0.0, 0.0],
        [12.0, 12.0, 40.0, 40.0, 80.0],
        [12.0, 12.0, 40.0, 40.0, 80.001],
        [1.0, 1.0, 1e-9, 1e-9, 0.0],
    ]
)


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


def matrices(imaginary: bool):
    for a, b, out, back, shift in CASES:
        yield np.array([[a + out, -back], [-out, b + back + (1j * shift if imaginary else 0)]])


def exchange(imaginary: bool) -> Exchange:
    kind = complex if imaginary else float
    a, b, out, back, shift = (jnp.asarray(column.astype(kind)) for column in CASES.T)
    return Exchange(a, b + 1j * shift if imaginary else b, out, back)


@pytest.mark.parametrize("imaginary", [False, True], ids=["along", "across"])
@pytest.mark.parametrize("time", [1e-4, 7e-3, 0.11, 3.0])
def test_free_precession_with_exchange(precision, imaginary, time):
    tolerance = {"float32": 3e-6, "float64": 1e-12}[precision]
    first, second = 0.8, 0.3
    start = tuple(jnp.full(len(CASES), v) for v in (first, second))
    got = np.array(jax.jit(propagate)(exchange(imaginary), *start, Pair.of(np.array(time))))
    exact = np.array([expm(-c * time) @ np.array([first, second]) for c in matrices(imaginary)]).T
    assert np.abs(got - exact).max() < tolerance


def test_a_read_out_is_the_sum_of_two_modes(precision):
    """Within the error stated where the modes coalesce."""
    tolerance = {"float32": 3e-5, "float64": 1e-8}[precision]
    found = jax.jit(modes)(exchange(True))
    for time in (0.0, 7e-3, 0.05, 0.1):
        parts = [
            (0.8 * mode.of_first + 0.3 * mode.of_second)
            * np.exp(-time * (np.array(mode.r2, float) + 2j * np.pi * np.array(mode.detuning, float)))
            for mode in found
        ]
        got = parts[0] + parts[1]
        exact = [(expm(-c * time) @ np.array([0.8, 0.3])).sum() for c in matrices(True)]
        assert np.abs(got - np.array(exact)).max() < tolerance


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "start",
    [
        [12.0, 12.0, 0.0, 0.0, 0.0],
        [12.0, 12.0, 40.0, 40.0, 80.0],
        pytest.param([12.0, 60.0, 5.0, 1e3, -300.0], marks=pytest.mark.slow),
    ],
)
def test_derivatives_where_pools_are_equal_and_where_modes_coalesce(start):
    def parts(values):
        a, b, out, back, shift = (value[None] for value in values)
        return Exchange(
            *(jax.lax.complex(v, w) for v, w in ((a, 0 * a), (b, shift), (out, 0 * a), (back, 0 * a)))
        )

    def precessed(values):
        one = jnp.ones(1, complex)
        a, b = propagate(parts(values), 0.8 * one, 0.3 * one, jax.tree.map(jnp.asarray, Pair.of(0.02)))
        return (a.real + 2 * a.imag + 0.7 * b.real - b.imag).sum()

    def read(values):
        each = [
            (0.8 * mode.of_first + 0.3 * mode.of_second)
            * jnp.exp(-0.02 * jax.lax.complex(mode.r2, 2 * jnp.pi * mode.detuning))
            for mode in modes(parts(values))
        ]
        signal = each[0] + each[1]
        return (signal.real + 2 * signal.imag).sum()

    assert_gradient(precessed, jnp.array(start), step=1e-3, tolerance=1e-6, directions=2)
    assert_gradient(read, jnp.array(start), step=1e-2, tolerance=1e-3, directions=2)


def generator(seed: int, speed: float):
    """A turn, relaxation and recovery: what saturation far off resonance looks like."""
    x, y, z = np.random.default_rng(seed).standard_normal(3) * speed
    return np.array([[-20, z, -y, 0], [-z, -20, x, 0], [y, -x, -0.7, 0.7], [0, 0, 0, 0.0]])


def test_exponentials_of_thousands_of_turns(precision):
    """2 s at about 500 Hz: in plain float32 the doublings lose 10⁻³."""
    tolerance = {"float32": 2e-6, "float64": 1e-10}[precision]
    a = np.stack([generator(seed, 2 * np.pi * 500) for seed in range(6)])
    got = np.asarray(jax.jit(lambda a: exponential(a * (2.0 / 2**16), 4, 16))(jnp.asarray(a)))
    exact = np.stack([expm(2 * one) for one in a])
    assert np.abs(got - exact).max() < tolerance


def test_exponential_of_one_step(precision):
    tolerance = {"float32": 2e-6, "float64": 1e-10}[precision]
    a = np.stack([generator(seed, speed) for seed, speed in enumerate((0.0, 1e3, 3e4))])
    got = np.asarray(jax.jit(lambda a: exponential(a * 50e-6, 4))(jnp.asarray(a)))
    assert np.abs(got - np.stack([expm(50e-6 * one) for one in a])).max() < tolerance


def test_derivative_of_a_doubled_exponential(precision):
    """In float32 the derivative has a formula of its own."""
    a = generator(3, 300.0)
    change = np.random.default_rng(1).standard_normal((4, 4)) * np.array([1, 1, 1, 0])[:, None]

    def loss(a):
        return (exponential(a * (0.5 / 2**8), 4, 8)[2] * jnp.arange(1, 5)).sum()

    found = np.vdot(np.asarray(jax.jit(jax.grad(loss))(jnp.asarray(a, precision)), float), change)
    exact = np.asarray(expm_frechet(0.5 * a, 0.5 * change, compute_expm=False))[2] @ np.arange(1, 5)
    assert found == pytest.approx(exact, rel={"float32": 1e-4, "float64": 1e-9}[precision])
