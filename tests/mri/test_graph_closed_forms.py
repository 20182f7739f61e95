"""Configuration states against closed forms: echo trains, three pulses, steady states, diffusion, hyperechoes."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim.mri.graph import Atoms, States, Train, Winding, echoes, truncation_bound
from physim.mri.graph.atoms import require_same_length
from physim.mri.graph.train import per_pulse
from tests.helper import assert_gradient, unchecked

NONE, ONE = Winding(0), Winding(1)
PERFECT = Atoms(np.inf, np.inf)


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions; the tolerance is of the caller."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


@pytest.mark.usefixtures("precision")
def test_spins_along_the_axis_of_refocusing_decay_with_t2_whatever_b1():
    b1 = np.array([0.6, 0.9, 1.0, 1.3])
    atoms = Atoms(1.0, 0.08, b1=b1)
    start = States.at_rest(atoms, 1).pulse(atoms, np.pi / 2, 0.0).evolve(atoms, 5e-3, NONE)
    train = Train(np.full(30, np.pi), np.pi / 2, tr=10e-3, te=5e-3, before=NONE, after=NONE)
    got = np.asarray(echoes(atoms, train, 1, start))
    truth = np.sin(b1 * np.pi / 2)[:, None] * np.exp(-0.01 * np.arange(1, 31) / 0.08)
    # What a wrong B1 leaves along z turns about the axis, and is in quadrature with it.
    assert np.abs(-got.real - truth).max() < 3e-6


@pytest.mark.usefixtures("precision")
def test_perfect_refocusing_of_crushed_echoes_decays_with_t2():
    atoms = Atoms(1.0, np.array([0.05, 0.3]), off_resonance=33.0, t2_prime=0.02)
    start = States.at_rest(atoms, 64).pulse(atoms, np.pi / 2, 0.0).evolve(atoms, 5e-3, ONE)
    train = Train(np.full(30, np.pi), np.pi / 2, tr=10e-3, te=5e-3, before=ONE, after=ONE)
    got = np.asarray(echoes(atoms, train, 64, start))
    truth = np.exp(-0.01 * np.arange(1, 31)[None] / np.array([[0.05], [0.3]]))
    # A 90° pulse of phase 0 leaves the phase of +i; the receiver of the train turns it by another quarter.
    assert np.abs(got + truth).max() < 5e-6


@pytest.mark.usefixtures("precision")
def test_pseudo_steady_state_of_120_degrees():
    # Alsop, Magn. Reson. Med. 37 (1997) 176: echoes settle at sin(α/2) of M₀.
    flip = np.deg2rad(120.0)
    start = States.at_rest(PERFECT, 402).pulse(PERFECT, np.pi / 2, 0.0).evolve(PERFECT, 5e-3, ONE)
    train = Train(np.full(200, flip), np.pi / 2, tr=10e-3, te=5e-3, before=ONE, after=ONE)
    got = np.abs(np.asarray(jax.jit(lambda s: echoes(PERFECT, train, 402, s))(start)))[0]
    assert abs(got[0] - np.sin(flip / 2) ** 2) < 1e-6
    assert abs(got[100:].mean() - np.sin(flip / 2)) < 1e-3


@pytest.mark.usefixtures("precision")
def test_three_pulses_make_five_echoes():
    # Hahn, Phys. Rev. 80 (1950) 580; Woessner, J. Chem. Phys. 34 (1961) 2057.
    a, b, c = 0.9, 1.2, 1.9
    first, second = 1, 4  # windings between the pulses
    states = States.at_rest(PERFECT, 16).pulse(PERFECT, a, 0.0)
    states = states.evolve(PERFECT, 0.1, Winding(first)).pulse(PERFECT, b, 0.0)
    seen = {}
    for step in range(1, second + 1):
        states = states.evolve(PERFECT, 0.1, ONE)
        seen[step - second] = abs(complex(states.plus[0, 0]))
    states = states.pulse(PERFECT, c, 0.0)
    for step in range(1, 9):
        states = states.evolve(PERFECT, 0.1, ONE)
        seen[step] = abs(complex(states.plus[0, 0]))
    truth = dict.fromkeys(seen, 0.0)
    truth[first - second] = np.sin(a) * np.sin(b / 2) ** 2
    truth[first] = 0.5 * np.sin(a) * np.sin(b) * np.sin(c)  # stimulated
    truth[second - first] = np.sin(a) * np.sin(b / 2) ** 2 * np.sin(c / 2) ** 2
    truth[second] = abs(np.cos(a) * np.sin(b)) * np.sin(c / 2) ** 2
    truth[first + second] = np.sin(a) * np.cos(b / 2) ** 2 * np.sin(c / 2) ** 2
    assert len([t for step, t in truth.items() if step > 0 and t > 0]) == 4
    assert max(abs(seen[step] - truth[step]) for step in seen) < 1e-6


@pytest.mark.usefixtures("precision")
def test_hyperecho():
    # Hennig and Scheffler, Magn. Reson. Med. 46 (2001) 6: −α, −φ in reverse after a 180° pulse undoes any train.
    rng = np.random.default_rng(1)
    flips, phases = rng.uniform(0.3, 2.5, 6), rng.uniform(-3, 3, 6)
    states = States.at_rest(PERFECT, 20).pulse(PERFECT, np.pi / 2, np.pi / 2).evolve(PERFECT, 0.1, ONE)
    for flip, phase in zip(flips, phases, strict=True):
        states = states.pulse(PERFECT, flip, phase).evolve(PERFECT, 0.1, ONE)
    middle = abs(complex(states.plus[0, 0]))
    states = states.pulse(PERFECT, np.pi, 0.0)
    for flip, phase in zip(flips[::-1], phases[::-1], strict=True):
        states = states.evolve(PERFECT, 0.1, ONE).pulse(PERFECT, -flip, -phase)
    states = states.evolve(PERFECT, 0.1, ONE)
    assert middle < 0.5
    assert abs(abs(complex(states.plus[0, 0])) - 1) < 3e-6


def steady(flip: float, t1: float, t2: float, tr: float) -> tuple[float, float]:
    """SSFP-FID and SSFP-ECHO; Hänicke and Vogel, Magn. Reson. Med. 49 (2003) 771."""
    e1, e2, c = np.exp(-tr / t1), np.exp(-tr / t2), np.cos(flip)
    p, q = 1 - e1 * c - e2**2 * (e1 - c), e2 * (1 - e1) * (1 + c)
    r = (1 - e2**2) / np.sqrt(p**2 - q**2)
    return np.tan(flip / 2) * (1 - (e1 - c) * r), np.tan(flip / 2) * (1 - (1 - e1 * c) * r)


@pytest.mark.usefixtures("precision")
def test_steady_free_precession_before_and_behind_the_gradient():
    t1, t2, tr, flip = 0.5, 0.06, 12e-3, np.deg2rad(40.0)
    atoms = Atoms(t1, t2)
    fid = Train(np.full(400, flip), tr=tr)
    echo = Train(np.full(400, flip), tr=tr, te=tr, before=ONE, after=NONE)
    got = [abs(complex(echoes(atoms, train, 64)[0, -1])) for train in (fid, echo)]
    assert np.abs(np.array(got) - steady(flip, t1, t2, tr)).max() < 1e-5


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("stimulated", [False, True])
def test_diffusion_between_trapezoids(stimulated):
    # b of two equal trapezoids: Price, Concepts Magn. Reson. 9 (1997) 299, eq. 60 in δ and Δ; and exact here by pieces.
    wave, rise, flat, delay, half = 20.0, 0.5e-3, 9e-3, 1e-3, 30e-3
    delta, apart = rise + flat, half
    q = 2 * np.pi * wave
    b = q**2 * ((apart - delta / 3) + rise**3 / (30 * delta**2) - rise**2 / (6 * delta))
    atoms = Atoms(np.inf, np.inf, diffusivity=np.array([0.5e-3, 2e-3]))
    lobe = Winding.trapezoid(1, half, delay, rise, flat, rise)
    states = States.at_rest(atoms, 4).pulse(atoms, np.pi / 2, 0.0).evolve(atoms, half, lobe, wave)
    size = 1.0
    if stimulated:
        # What stays transverse is crushed: it leaves the orders that are kept.
        states = states.pulse(atoms, np.pi / 2, 0.0).evolve(atoms, 0.2, Winding(6), wave)
        states = states.pulse(atoms, np.pi / 2, 0.0)
        b, size = b + q**2 * 0.2, 0.5
    else:
        states = states.pulse(atoms, np.pi, 0.0)
    states = states.evolve(atoms, half, lobe, wave)
    truth = size * np.exp(-b * np.asarray(atoms.diffusivity))
    assert truth[1] < 0.9 * truth[0]
    assert np.abs(np.abs(np.asarray(states.plus[0])) / truth - 1).max() < 1e-4


def test_constant_gradient_is_the_default_course():
    same = Winding.trapezoid(1, 1.0, 0.0, 0.0, 1.0, 0.0)
    assert np.allclose([same.mean, same.square], [Winding(1).mean, Winding(1).square])


def test_t2_prime_of_gradient_echoes():
    tr, te, t2_prime = 10e-3, 3e-3, 0.02
    flip = np.full(40, 0.5)
    plain, spread = Atoms(0.8, 0.06), Atoms(0.8, 0.06, t2_prime=t2_prime)
    for before, after, time in ((NONE, ONE, te), (ONE, NONE, tr - te)):
        train = Train(flip, tr=tr, te=te, before=before, after=after)
        ratio = np.asarray(echoes(spread, train, 41))[0, 5:] / np.asarray(echoes(plain, train, 41))[0, 5:]
        assert np.allclose(ratio, np.exp(-time / t2_prime), atol=1e-4)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("t2", [0.05, 0.3])
@pytest.mark.parametrize("orders", [8, 16, 24])
def test_truncation_is_within_its_bound(t2, orders):
    atoms = Atoms(1.0, t2)
    train = Train(np.deg2rad(20 + 40 * np.sin(np.arange(60) / 9) ** 2), tr=10e-3)
    whole, cut = (np.asarray(echoes(atoms, train, n)) for n in (61, orders))
    error = np.abs(whole - cut).max()
    bound = truncation_bound(1.0, t2, train, orders)
    assert 0 < error < bound
    assert truncation_bound(1.0, t2, train, 61) == 0


@pytest.mark.usefixtures("x64")
def test_derivatives():
    flip = np.deg2rad(10 + 50 * np.sin(np.arange(7) / 2) ** 2)
    weight = np.random.default_rng(2).standard_normal((2, 7))

    def loss(x):
        atoms = Atoms(x[:2], x[2:4], off_resonance=x[4], b1=x[5], diffusivity=1e-3)
        train = Train(jnp.asarray(flip) * x[6], x[7] * np.arange(7.0) ** 2, tr=0.03 * x[8], te=4e-3, wave=3.0)
        signal = echoes(atoms, train, 8)
        return (weight * signal.real).sum() + (weight**2 * signal.imag).sum()

    assert_gradient(loss, np.array([0.6, 0.9, 0.05, 0.09, 12.0, 1.1, 1.0, 0.4, 1.0]))


def test_refusals():
    with pytest.raises(ValueError, match="t1 of atom 1 is 0 s"):
        Atoms(np.array([1.0, 0.0]), 0.05)
    with pytest.raises(ValueError, match="t2 of atom 0 is 3 s"):
        Atoms(1.0, 3.0)
    with pytest.raises(ValueError, match="NaN"):
        Atoms(1.0, 0.1, b1=np.nan)
    with pytest.raises(ValueError, match="at least one flip angle"):
        Train(np.zeros(0), tr=0.01)
    with pytest.raises(ValueError, match="outside its TR"):
        Train(np.ones(3), tr=0.01, te=0.02)
    with pytest.raises(ValueError, match="orders is 0"):
        States.at_rest(PERFECT, 0)
    with pytest.raises(ValueError, match="nothing winds"):
        echoes(Atoms(1.0, 0.1, t2_prime=0.05), Train(np.ones(3), tr=0.01, after=Winding(0)), 4)
    with pytest.raises(ValueError, match="does not fit"):
        Winding.trapezoid(1, 1.0, 0.5, 0.1, 0.5, 0.1)
    with pytest.raises(ValueError, match="same atoms"):
        unchecked(require_same_length)({"t1": (3,), "t2": (2,)})
    with pytest.raises(ValueError, match="one for each of 3"):
        unchecked(per_pulse)("phase", np.zeros(2), 3)
