"""Two pools in sequences: pulses against an adaptive solver, steady states, limits, derivatives, refusals."""

import contextlib
import importlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

from physim import mri
from physim_phantoms import InputError
from tests.helper import assert_gradient, assert_order, assert_same
from tests.mri.instant import NANOSECOND, pause, pulse, read
from tests.mri.mcconnell import PPM, liquids, longitudinal

SCANNER = mri.Scanner()
ONE = np.zeros((1, 3))
T1, T2, SHIFT, FRACTION, RATE = (1.1, 0.6), (0.07, 0.015), 1.2, 0.15, 400.0


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


def two_liquids(**more) -> mri.Pools:
    second = mri.Liquid(T1[1], T2[1], SHIFT)
    values = {"t1": T1[0], "t2": T2[0], "second": second, "fraction": FRACTION, "exchange": RATE}
    return mri.Pools(ONE, **{**values, **more})


def secant(tau):
    """A hyperbolic secant of 4 ms, as a complex number x + iy of unit amplitude; its samples are 0.1 µs apart."""
    return np.cosh(4 * tau) ** -1.0 * np.exp(4j * np.log(np.cosh(4 * tau)))


TIMES = np.arange(40_001, dtype=np.int64) * 100_000
WAVE = secant(TIMES / 2e9 - 1)
SECANT = mri.Rf(500.0, np.abs(WAVE), -np.angle(WAVE), TIMES, int(TIMES[-1]))


@pytest.fixture(scope="module")
def truth():
    """Both pools after the secant, by an adaptive Runge-Kutta method of order 8 at 10⁻¹¹."""

    def rate(time, m):
        b = 2 * np.pi * 500.0 * secant(2 * time / 4e-3 - 1)
        a = liquids(b.real, b.imag, 2 * np.pi * 90.0, 2 * np.pi * SHIFT * PPM * 3, T1, T2, FRACTION, RATE)
        return (a @ np.append(m, 1))[:6]

    start = [0, 0, 1 - FRACTION, 0, 0, FRACTION]
    return solve_ivp(rate, (0, 4e-3), start, method="DOP853", rtol=1e-11, atol=1e-13).y[:, -1]


def after_secant(integrator) -> np.ndarray:
    program = mri.compile_sequence(mri.Sequence([mri.block(rf=SECANT)]), integrator=integrator)
    return np.asarray(mri.magnetisation(two_liquids(off_resonance=90.0), program))[:, 0, 0]


def test_a_shaped_pulse_on_exchanging_pools(truth, precision):
    tolerance = {"float32": 1e-5, "float64": 1e-6}[precision]
    assert np.abs(after_secant(mri.FourthOrder(20e-6)) - truth).max() < tolerance


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("kind", "order"), [(mri.Midpoint, 2), (mri.FourthOrder, 4)])
def test_orders_with_exchange(truth, kind, order):
    def error(steps):
        return np.abs(after_secant(kind(4e-3 / steps)) - truth).max()

    assert_order(error, (50, 100), order)


def test_free_induction_of_exchanging_pools(precision):
    tolerance = {"float32": 1e-5, "float64": 1e-7}[precision]  # the pulses last a nanosecond
    adc = mri.Adc(50, 10**9)
    blocks = [pulse(np.pi / 2), pause(0.02), pulse(np.pi / 3, 0.4), mri.Block(adc.end, adc=adc)]
    got = np.asarray(mri.simulate(two_liquids(off_resonance=35.0), mri.Sequence(blocks), SCANNER))[0]
    still = liquids(0, 0, 2 * np.pi * 35.0, 2 * np.pi * SHIFT * PPM * 3, T1, T2, FRACTION, RATE)
    m = np.array([0, 0, 1 - FRACTION, 0, 0, FRACTION, 1])
    for flip, phase, wait in ((np.pi / 2, 0.0, 0.02), (np.pi / 3, 0.4, 0.5e-3)):
        turn = liquids(np.cos(phase), -np.sin(phase), 0, 0, (np.inf,) * 2, (np.inf,) * 2, FRACTION, 0.0)
        m = expm(still * wait) @ expm(turn * flip) @ m
    truth = []
    for _ in range(50):
        truth.append(m[0] + m[3] + 1j * (m[1] + m[4]))
        m = expm(still * 1e-3) @ m
    assert np.abs(got - np.array(truth)).max() < tolerance


def gradient_echo(spins, shape=(4, 3)):
    sequence = mri.sequences.balanced_ssfp(
        shape, (60.0, 60.0), tr=6e-3, region=mri.sequences.Slice(8.0, 1e-3)
    )
    return np.asarray(mri.simulate(spins, mri.compile_sequence(sequence), SCANNER))


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "second", [mri.Liquid(0.6, 0.04, 2.0), mri.Semisolid(0.6, 1e-5)], ids=["liquid", "solid"]
)
def test_without_exchange_pools_are_isochromats(second):
    """To what is left out in the steps of isochromats, which treat relaxation to second order."""
    rng = np.random.default_rng(5)
    values = {
        "position": rng.uniform(-3, 3, (4, 3)),
        "off_resonance": rng.normal(0, 30, 4),
        "b1": rng.uniform(0.8, 1.2, 4),
    }
    pools = mri.Pools(**values, t1=0.9, t2=0.08, second=second, fraction=0.3, exchange=0.0)
    truth = gradient_echo(mri.Isochromats(**values, pd=0.7, t1=0.9, t2=0.08))
    if isinstance(second, mri.Liquid):
        values["off_resonance"] = values["off_resonance"] + 2.0 * PPM * 3
        truth = truth + gradient_echo(mri.Isochromats(**values, pd=0.3, t1=0.6, t2=0.04))
    assert np.abs(gradient_echo(pools) - truth).max() < 2e-7 * np.abs(truth).max()


class Flat(mri.Lineshape):
    """The same absorption everywhere, in pulses of a nanosecond that stand for pulses of `duration` s."""

    absorption: float = eqx.field(static=True)
    duration: float = eqx.field(static=True)

    def __call__(self, offset, t2):
        return jnp.full_like(offset, self.absorption * 1e-9 / self.duration)


def semisolid(t2: float, flip: float):
    """Pools with a semisolid, and the share of it that a pulse leaves: exp(−π (α/τ)² g τ), as in EPG-X."""
    line = Flat(1.4e-5, 1e-3)
    pools = mri.Pools(
        ONE, t1=0.3, t2=t2, second=mri.Semisolid(0.3, 1e-5, lineshape=line), fraction=0.12, exchange=30.0
    )
    return pools, np.exp(-np.pi * (flip / 1e-3) ** 2 * 1.4e-5 * 1e-3)


def test_steady_state_of_spoiled_echoes_with_magnetisation_transfer(precision):
    """Ernst's formula of two pools; T2 is so short that nothing but fresh transverse magnetisation is left."""
    tolerance = {"float32": 1e-5, "float64": 1e-6}[precision]
    flip, tr = 0.3, 10e-3
    pools, left = semisolid(1e-4, flip)
    a, rest = longitudinal((0.3, 0.3), 0.12, 30.0)
    recover, after = expm(a * tr), np.diag([np.cos(flip), left])
    before = np.linalg.solve(np.eye(2) - recover @ after, (np.eye(2) - recover) @ rest)
    blocks = [mri.block(rf=pulse(flip).rf, raster=1), read(), pause(tr - 3e-9)] * 400
    got = np.asarray(mri.simulate(pools, mri.Sequence(blocks), SCANNER))[0, -1]
    # The one sample comes a nanosecond after the pulse: T2 takes 10⁻⁵ of it.
    assert abs(got * np.exp(1.5e-9 / 1e-4) - 1j * np.sin(flip) * before[0]) < tolerance


def test_steady_state_of_balanced_echoes_with_magnetisation_transfer(precision):
    """The fixed point of one repetition of (x, y, z, z of the semisolid), off resonance, with alternating phase."""
    tolerance = {"float32": 1e-5, "float64": 1e-7}[precision]
    flip, tr, f = 0.6, 5e-3, 30.0
    pools, left = semisolid(0.08, flip)
    pools = mri.Pools(
        ONE, t1=0.3, t2=0.08, second=pools.second, fraction=0.12, exchange=30.0, off_resonance=f
    )
    a, rest = longitudinal((0.3, 0.3), 0.12, 30.0)
    free = np.zeros((5, 5))
    free[:2, :2] = [[-1 / 0.08, 2 * np.pi * f], [-2 * np.pi * f, -1 / 0.08]]
    free[2:4, 2:4], free[2:4, 4] = a, -a @ rest
    c, s = np.cos(flip), np.sin(flip)
    nutate = np.diag([1.0, c, c, left, 1.0])
    nutate[1, 2], nutate[2, 1] = s, -s
    sign = np.diag([-1.0, -1.0, 1.0, 1.0, 1.0])  # the frame turns by 180° each time
    step = nutate @ sign @ expm(free * tr)
    steady = np.linalg.solve(np.eye(4) - step[:4, :4], step[:4, 4])
    blocks = []
    for number in range(900):
        blocks += [
            mri.block(rf=pulse(flip, np.pi * (number % 2)).rf, raster=1),
            pause(tr - NANOSECOND * 1e-12),
        ]
    m = np.asarray(mri.magnetisation(pools, mri.compile_sequence(mri.Sequence(blocks))))[:, -1, 0]
    steady[:2] = -steady[:2]  # the last pulse had a phase of 180°
    assert np.abs(m - steady).max() < tolerance


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("kind", ["liquid", "semisolid"])
def test_derivatives_in_the_tissue(kind):
    rf = mri.sequences.hard_pulse(1.0)
    blocks = [mri.block(rf=rf), pause(5e-3), mri.block(rf=rf), mri.Block(10**10, adc=mri.Adc(4, 10**9))]
    program = mri.compile_sequence(mri.Sequence(blocks))

    def loss(v):
        second = (
            mri.Liquid(v[2], v[3] * 0.01, v[4])
            if kind == "liquid"
            else mri.Semisolid(v[2], v[3] * 1e-5, v[4])
        )
        pools = mri.Pools(
            ONE,
            t1=v[0],
            t2=v[1] * 0.1,
            second=second,
            fraction=0.1 * v[5],
            exchange=40 * v[6],
            off_resonance=20 * v[7],
        )
        signal = mri.simulate(pools, program, SCANNER)[0]
        return (signal.real * jnp.arange(1, 5) + signal.imag).sum()

    assert_gradient(
        loss, jnp.array([1.0, 0.9, 0.8, 1.1, 1.2, 1.0, 0.9, 1.0]), step=1e-4, tolerance=1e-6, directions=1
    )


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("rate", "fraction", "step"), [(1e6, 0.3, 50e-6), (1e5, 0.9, 50e-6), (1e6, 0.3, 1e-3)]
)
def test_exchange_much_faster_than_the_steps(rate, fraction, step):
    """Up to 10⁶ 1/s, and with steps of any length."""
    rf = mri.sequences.hard_pulse(1.0, 1e-3)
    pools = two_liquids(fraction=fraction, exchange=rate)
    program = mri.compile_sequence(mri.Sequence([mri.block(rf=rf)]), integrator=mri.FourthOrder(step))
    a = liquids(2 * np.pi * rf.amplitude, 0, 0, 2 * np.pi * SHIFT * PPM * 3, T1, T2, fraction, rate)
    exact = (expm(a * 1e-3) @ [0, 0, 1 - fraction, 0, 0, fraction, 1])[:6]
    got = np.asarray(mri.magnetisation(pools, program))[:, 0, 0]
    assert np.abs(got - exact).max() < 1e-10


def many(count: int) -> mri.Pools:
    """Liquid pools anywhere, all different."""
    rng = np.random.default_rng(2)

    def between(low, high):
        return rng.uniform(low, high, count)

    return mri.Pools(
        rng.uniform(-20, 20, (count, 3)),
        *(between(0.5, 1.0), between(0.8, 1.2), between(0.05, 0.1), between(-30, 30), between(0.8, 1.2)),
        second=mri.Liquid(between(0.5, 0.9), between(0.01, 0.04), between(-2, 2)),
        fraction=between(0, 0.4),
        exchange=between(0, 200),
    )


def encoded():
    """A pulse, and a read-out under a gradient."""
    gradient, adc = mri.Trapezoid(5.0, 10**8, 2 * 10**9, 10**8), mri.Adc(6, 3 * 10**8)
    blocks = [mri.block(rf=mri.sequences.hard_pulse(1.0)), mri.block(gx=gradient, adc=adc)] * 2
    return mri.compile_sequence(mri.Sequence(blocks))


def test_coils_hear_each_pool_where_it_is():
    pools, program = many(4), encoded()
    coils = mri.Loops(
        [[0.0, 60.0, 0.0], [70.0, 0.0, 10.0]], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.3]], 50.0, 0.5 + 1j
    )
    heard = mri.simulate(pools, program, mri.Scanner(receive=coils))
    only = [eqx.tree_at(lambda p: p.pd, pools, pools.pd * (jnp.arange(4) == n)) for n in range(4)]
    alone = jnp.concatenate([mri.simulate(one, program, SCANNER) for one in only])
    assert_same(heard, coils.sensitivity(pools.position) @ alone, 1e-5)


@pytest.mark.slow
def test_chunks_of_pools_give_the_same_signal(monkeypatch):
    pools, program = many(2500), encoded()
    whole = mri.simulate(pools, program, SCANNER)
    monkeypatch.setattr(importlib.import_module("physim.mri.simulate"), "CHUNK_BYTES", 1)
    jax.clear_caches()
    assert_same(mri.simulate(pools, program, SCANNER), whole, 2e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_pools_under_vmap_over_exchange():
    pools, program = many(3), encoded()

    def of(rate):
        faster = eqx.tree_at(lambda p: p.exchange, pools, pools.exchange * rate)
        return mri.simulate(faster, program, SCANNER)[0]

    rates = jnp.array([0.0, 1.0, 30.0])
    assert_same(jax.vmap(of)(rates), jnp.stack([of(rate) for rate in rates]), 1e-12)


def test_spins_of_a_patient_become_pools():
    """Two pools alike are one, however they exchange; T2' stays."""
    spins = mri.Isochromats(
        many(4).position, pd=0.7, t1=0.9, t2=0.08, t2_prime=0.1, off_resonance=9.0, b1=0.9
    )
    second = mri.Liquid(0.9, 0.08, 0.0)
    pools = mri.Pools.from_isochromats(spins, second=second, fraction=0.2, exchange=50.0)
    assert_same(mri.simulate(pools, encoded(), SCANNER), mri.simulate(spins, encoded(), SCANNER), 2e-5)


@pytest.mark.usefixtures("x64")
def test_super_lorentzian_against_quadrature():
    line, t2 = mri.SuperLorentzian(), 11e-6

    def exact(offset):
        def density(u):
            v = abs(3 * u * u - 1)
            return np.sqrt(2 / np.pi) * t2 / v * np.exp(-2 * (2 * np.pi * offset * t2 / v) ** 2)

        magic = 1 / np.sqrt(3)
        return sum(
            quad(density, *ends, epsabs=0, epsrel=1e-12, limit=300)[0] for ends in ((0, magic), (magic, 1))
        )

    offsets = np.array([1000.0, -2500.0, 8e3, 3e4, 0.0, 999.99, 1000.01])
    got = np.asarray(jax.jit(line)(jnp.asarray(offsets), jnp.full(7, t2)))
    assert np.allclose(got[:4], [exact(offset) for offset in offsets[:4]], rtol=1e-10, atol=0)
    near = got[4:]
    assert 1.4e-5 < near[0] < 1.8e-5  # finite, where the integral is not
    assert near[1] == pytest.approx(near[2], rel=1e-4)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("line", [mri.Lorentzian(), mri.Gaussian(), mri.SuperLorentzian(cutoff=1.0)])
def test_lineshapes_hold_every_spin_once(line):
    omega = np.concatenate([np.linspace(0, 400, 401), np.geomspace(400.0, 1e9, 4001)[1:]])
    density = np.asarray(jax.jit(line)(jnp.asarray(omega / (2 * np.pi)), jnp.full(omega.shape, 1e-4)))
    assert 2 * np.trapezoid(density, omega) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"t1": 0.0}, "t1 of spin 0 is 0 s"),
        ({"pd": np.nan}, "pd has 1 NaN"),
        ({"t1": 1.0, "t2": 2.5}, "t2 of spin 0 is 2.5 s"),
        ({"second": mri.Liquid(1.0, 2.5)}, "t2 of the second pool of spin 0 is 2.5 s"),
        ({"second": mri.Semisolid(0.0, 1e-5)}, "t1 of the second pool of spin 0 is 0 s"),
        ({"second": mri.Liquid(1.0, 0.1, np.nan)}, "shift of the second pool has 1 NaN"),
        ({"fraction": 1.0}, "fraction of spin 0 is 1; it must lie between 0 and"),
        ({"fraction": np.array([0.1, 1.2])}, "fraction of spin 1 is 1.2"),
        ({"fraction": np.nan}, "fraction of spin 0 is nan"),
        ({"exchange": np.array([3.0, -1.0])}, "exchange of spin 1 is -1 1/s; it must lie between 0 and"),
        ({"exchange": np.inf}, "exchange of spin 0 is inf 1/s"),
        ({"exchange": 1e6, "fraction": 0.9}, r"fraction / \(1 − fraction\) of spin 0 is 9e\+06 1/s"),
        ({"t1": np.array([1.0, np.nan])}, "t1 of spin 1 is nan s"),
    ],
)
def test_impossible_pools_are_refused(values, message):
    good = {"t1": 1.0, "t2": 0.1, "second": mri.Liquid(), "fraction": 0.1, "exchange": 30.0}
    with pytest.raises(InputError, match=message):
        mri.Pools(np.zeros((2, 3)), **{**good, **values})
