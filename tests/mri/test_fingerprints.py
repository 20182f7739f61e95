"""Fingerprints: the compiled kernel against the states in plain JAX, values and derivatives, in both precisions."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import physim_kernels
from physim.mri.graph import (
    Atoms,
    IdealInversion,
    States,
    Train,
    Winding,
    echoes,
    fingerprints,
    fingerprints_with_jacobian,
)
from physim_kernels import availability
from tests.helper import assert_gradient, assert_same

RNG = np.random.default_rng(3)
COUNT, TRS = 37, 60
T1 = RNG.uniform(0.2, 3.0, COUNT)
T2 = T1 * RNG.uniform(0.03, 0.9, COUNT)
FLIP = np.deg2rad(5 + 60 * np.sin(np.arange(TRS) / 9) ** 2)
UNEVEN = 12e-3 + 2e-3 * RNG.random(TRS)
CASES = {
    "plain": {},
    "alternating": {"phase": np.pi * (np.arange(TRS) % 2), "tr": UNEVEN},
    "b1": {"b1": RNG.uniform(0.7, 1.2, COUNT), "tr": UNEVEN, "te": UNEVEN / 4},
    "off resonance": {"off_resonance": RNG.uniform(-90, 90, COUNT)},
    "uneven": {"off_resonance": RNG.uniform(-90, 90, COUNT), "tr": UNEVEN},
    "spoiled": {"b1": np.full(COUNT, 1.1), "pd": np.full(COUNT, 2.0), "phase": 1.03 * np.arange(TRS) ** 2},
}


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions, with the tolerances of values and derivatives."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield (5e-6, 2e-5) if request.param == "float32" else (1e-12, 1e-11)


def test_kernel_is_the_reference(precision):
    dtype = jnp.result_type(float)
    for kernel in ("fingerprints", "fingerprints_tangents"):
        assert physim_kernels.ensure(kernel, dtype), availability._failed

    def all_of(t1, t2, tissue, phase, tr, te):
        def signals(a, b):
            train = Train(FLIP, phase, tr=tr, te=te)
            return fingerprints(Atoms(a, b, t2_prime=0.05, **tissue), train, 12, IdealInversion(0.02, 0.9))

        ones, zeros = jnp.ones_like(t1), jnp.zeros_like(t1)
        value, by_t1 = jax.jvp(signals, (t1, t2), (ones, zeros))
        return signals(t1, t2), value, by_t1, jax.jvp(signals, (t1, t2), (zeros, ones))[1]

    # One program of each kind for all cases.
    fast, plain = jax.jit(all_of), jax.jit(lambda *given: all_of(*given))
    for case in CASES.values():
        tissue = {"b1": np.ones(COUNT), "off_resonance": np.zeros(COUNT), "pd": np.ones(COUNT)}
        timing = {"phase": np.zeros(TRS), "tr": np.full(TRS, 12e-3), "te": np.full(TRS, 3e-3)}
        tissue |= {key: value for key, value in case.items() if key in tissue}
        timing |= {key: value for key, value in case.items() if key in timing}
        given = jax.tree.map(lambda a: jnp.asarray(a, dtype), (T1, T2, tissue, *timing.values()))
        got = fast(*given)
        with physim_kernels.disabled():
            truth = plain(*given)
        for number in range(4):
            tolerance = precision[0] if number < 2 else precision[1]
            assert_same(got[number], truth[number], tolerance)


def test_what_the_kernel_does_not_play_goes_through_the_states():
    atoms = Atoms(T1[:3], T2[:3], diffusivity=2e-3)
    train = Train(FLIP[:10], tr=12e-3, wave=5.0)
    left = 1 - 2 * np.exp(-0.02 / T1[:3])
    rest = States.at_rest(atoms, 8)
    start = States(rest.plus, rest.minus, rest.along * left)
    assert_same(fingerprints(atoms, train, 8, IdealInversion(0.02)), echoes(atoms, train, 8, start), 1e-6)
    echo = Train(FLIP[:10], tr=12e-3, te=12e-3, before=Winding(1), after=Winding(0))
    still = Atoms(T1[:3], T2[:3])
    got = fingerprints(still, echo, 8, IdealInversion(0.02))
    assert_same(got, echoes(still, echo, 8, start), 1e-6)


@pytest.mark.usefixtures("x64")
def test_jacobian_by_the_kernel_and_through_the_states():
    for wave in (0.0, 5.0):

        def signals(t1, t2, wave=wave):
            train = Train(FLIP[:10], tr=12e-3, te=3e-3, wave=wave)
            atoms = Atoms(t1, t2, pd=2.0, t2_prime=0.1, diffusivity=2e-3)
            return fingerprints_with_jacobian(atoms, train, 8, IdealInversion(0.02))

        value, by_t1, by_t2 = signals(T1[:3], T2[:3])
        step = 1e-6
        for by, (a, b) in ((by_t1, (step, 0.0)), (by_t2, (0.0, step))):
            up, down = signals(T1[:3] + a, T2[:3] + b)[0], signals(T1[:3] - a, T2[:3] - b)[0]
            assert_same(by, (up - down) / (2 * step), 1e-7)
        assert np.abs(value).max() > 0.1


@pytest.mark.usefixtures("x64")
def test_derivatives_in_everything_else():
    weight = RNG.standard_normal((3, 8))

    def loss(x):
        atoms = Atoms(
            jnp.asarray(T1[:3]) * x[0],
            jnp.asarray(T2[:3]) * x[1],
            pd=x[10],
            t2_prime=0.05 * x[11],
            b1=x[2],
            off_resonance=9 * x[3],
        )
        train = Train(FLIP[:8] * x[4], 0.3 * x[5], tr=12e-3 * x[6], te=3e-3 * x[7])
        signal = fingerprints(atoms, train, 6, IdealInversion(0.02 * x[8], 0.9 * x[9]))
        return (weight * signal.real).sum() + (weight**2 * signal.imag).sum()

    assert_gradient(loss, np.ones(12) + 0.01 * RNG.standard_normal(12))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("spoiled", [False, True])
def test_gradient_in_flip_angles(spoiled):
    for kernel in ("fingerprints_flip_gradient", "fingerprints_kept"):
        assert physim_kernels.ensure(kernel, np.float64), availability._failed
    weight = RNG.standard_normal((11, 17))
    phase = 0.9 * np.arange(17.0) ** 2 if spoiled else np.pi * (np.arange(17) % 2)
    atoms = Atoms(T1[:11], T2[:11], b1=np.linspace(0.8, 1.1, 11), off_resonance=9.0, t2_prime=0.1)

    def loss(flip):
        signal = fingerprints(atoms, Train(flip, phase, tr=12e-3, te=3e-3), 6)
        return (weight * signal.real).sum() + (weight**2 * signal.imag).sum()

    assert_gradient(loss, FLIP[:17])


def test_vmap_and_more_atoms_than_one_vector_agree_with_one_by_one():
    train = Train(FLIP, tr=12e-3, te=3e-3)
    together = np.asarray(fingerprints(Atoms(T1, T2), train, 12))
    each = jax.vmap(lambda a, b: fingerprints(Atoms(a, b), train, 12)[0])(
        jnp.asarray(T1[:5]), jnp.asarray(T2[:5])
    )
    assert_same(each, together[:5], 1e-7)


def test_refusals():
    with pytest.raises(ValueError, match="orders is 0"):
        fingerprints(Atoms(1.0, 0.1), Train(FLIP, tr=12e-3), 0)
    with pytest.raises(ValueError, match="efficiency"):
        IdealInversion(0.0, 2.0)
