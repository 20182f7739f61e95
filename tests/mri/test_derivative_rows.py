"""Derivatives of a whole simulation: forward against reverse mode, and against extrapolated differences."""

import contextlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from physim import mri

S = mri.sequences
SEQUENCE = S.spoiled_gradient_echo(
    (4, 3), (64.0, 48.0), 0.5, tr=12e-3, te=5e-3, region=S.Slice(8.0), dwell=20e-6
)
PLACES = np.random.default_rng(0).uniform(-12, 12, (4, 3))
START = np.array([0.9, 0.07, 0.9, 13.0])  # T1, T2, B1, off-resonance


def signal(x):
    """Real and imaginary parts of all samples."""
    spins = mri.Isochromats(PLACES, t1=x[0], t2=x[1], b1=x[2], off_resonance=x[3])
    made = mri.simulate(spins, PROGRAM, mri.Scanner(), encoding=mri.Direct())[0]
    return jnp.concatenate([made.real, made.imag])


PROGRAM = mri.compile_sequence(SEQUENCE)
DIRECTION = START * np.array([0.3, -0.5, 0.2, 0.7])


def both(double: bool) -> tuple[np.ndarray, float]:
    """J u, and how far <v, J u> and <Jᵀ v, u> are apart, relative to |v| |J u|."""
    with jax.enable_x64(True) if double else contextlib.nullcontext():
        x, u = jnp.asarray(START), jnp.asarray(DIRECTION)
        _, forward = jax.jit(lambda x, u: jax.jvp(signal, (x,), (u,)))(x, u)
        v = jnp.asarray(np.random.default_rng(1).standard_normal(forward.shape), forward.dtype)
        back = jax.jit(lambda x, v: jax.vjp(signal, x)[1](v)[0])(x, v)
        forward, back, v = (np.asarray(one, np.float64) for one in (forward, back, v))
    scale = np.linalg.norm(v) * np.linalg.norm(forward)
    return forward, float(abs(v @ forward - back @ DIRECTION) / scale)


def test_forward_and_reverse_modes_and_differences_agree():
    (double, apart), (single, apart_single) = both(True), both(False)
    assert apart < 1e-8
    assert apart_single < 1e-4
    assert np.linalg.norm(single - double) < 1e-4 * np.linalg.norm(double)
    with jax.enable_x64(True):
        plain = jax.jit(signal)

        def difference(h: float) -> np.ndarray:
            return (np.asarray(plain(START + h * DIRECTION)) - np.asarray(plain(START - h * DIRECTION))) / (
                2 * h
            )

        table = [difference(1e-2 / 2**n) for n in range(4)]
    for power in (4, 16, 64):  # Richardson: errors of order 2, 4 and 6 are taken out
        table = [(power * b - a) / (power - 1) for a, b in itertools.pairwise(table)]
    assert np.linalg.norm(table[0] - double) < 1e-8 * np.linalg.norm(double)
