"""Water that exchanges with several pools: pulses, free precession and read-outs against exponentials by SciPy; refusals."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from physim import mri
from physim_phantoms import InputError
from tests.helper import assert_gradient
from tests.mri.instant import pause, pulse
from tests.mri.mcconnell import PPM
from tests.mri.precisions import float64_quickly

ONE = np.zeros((1, 3))
T1, T2, OFF = 1.0, 0.04, 21.0
OTHERS = (
    mri.Solute(1.0, 4e-5, -3.0, 0.1, 30.0),
    mri.Solute(0.8, 0.06, 2.0, 0.02, 1000.0),
)
SCANNER = mri.Scanner(field=3.0)


def matrix(x: float, y: float, off: float = OFF) -> np.ndarray:
    """The equations of all pools and 1 in plain NumPy, dM/dt = M × ω + exchange."""
    pools = [(T1, T2, 0.0, 1 - sum(one.fraction for one in OTHERS), 0.0)]
    pools += [(one.t1, one.t2, one.shift, one.fraction, one.exchange) for one in OTHERS]
    a = np.zeros((3 * len(pools) + 1,) * 2)
    for at, (t1, t2, shift, share, back) in enumerate(pools):
        z = 2 * np.pi * (off + shift * PPM * 3.0)
        turn = np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]])
        place = slice(3 * at, 3 * at + 3)
        a[place, place] += turn - np.diag(1 / np.array([t2, t2, t1], float))
        a[3 * at + 2, -1] = share / t1
        out = back * share / pools[0][3]
        for axis in range(3):
            here = 3 * at + axis
            a[here, here] -= back
            a[axis, here] += back
            a[here, axis] += out
            a[axis, axis] -= out
    return a


def many(**more) -> mri.ManyPools:
    return mri.ManyPools(ONE, t1=T1, t2=T2, off_resonance=OFF, others=OTHERS, **more)


@pytest.mark.slow
def test_pulses_and_free_precession(precision):
    rf = mri.sequences.hard_pulse(1.0, 1e-3)
    program = mri.compile_sequence(mri.Sequence([mri.block(rf=rf), pause(20e-3), mri.block(rf=rf)]))
    got = np.asarray(mri.magnetisation(many(), program))[:, :, 0]
    turn = expm(matrix(2 * np.pi * rf.amplitude, 0.0) * 1e-3)
    m = np.array([value for share in (0.88, 0.1, 0.02) for value in (0, 0, share)] + [1.0])
    # Blocks are whole 10 µs, and a pulse of 1 ms fills its own.
    first = turn @ m
    second = turn @ expm(matrix(0.0, 0.0) * 20e-3) @ first
    tolerance = {"float32": 5e-6, "float64": 1e-9}[precision]
    assert np.abs(got.T - np.stack([first, second])[:, :-1]).max() < tolerance


@float64_quickly
def test_read_outs(precision):
    adc = mri.Adc(40, 10**8)
    blocks = [pulse(np.pi / 2), pause(3e-3), pulse(0.7, 0.4), mri.Block(adc.end, adc=adc)]
    got = np.asarray(mri.simulate(many(), mri.Sequence(blocks), SCANNER))[0]
    m = np.array([value for share in (0.88, 0.1, 0.02) for value in (0, 0, share)] + [1.0])
    still = matrix(0.0, 0.0)
    for flip, phase, wait in ((np.pi / 2, 0.0, 3e-3), (0.7, 0.4, 0.5e-4)):
        strength = flip / 1e-9
        m = expm(matrix(strength * np.cos(phase), -strength * np.sin(phase)) * 1e-9) @ m
        m = expm(still * wait) @ m
    truth = []
    for _ in range(40):
        truth.append(m[0:-1:3].sum() + 1j * m[1:-1:3].sum())
        m = expm(still * 1e-4) @ m
    tolerance = {"float32": 2e-5, "float64": 1e-6}[precision]
    assert np.abs(got - np.array(truth)).max() < tolerance


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_one_solute_is_a_second_pool():
    rf = mri.sequences.hard_pulse(0.8, 0.5e-3)
    gradient, adc = mri.Trapezoid(5.0, 10**8, 2 * 10**9, 10**8), mri.Adc(6, 3 * 10**8)
    program = mri.compile_sequence(mri.Sequence([mri.block(rf=rf), mri.block(gx=gradient, adc=adc)] * 2))
    place = np.random.default_rng(0).uniform(-20, 20, (3, 3))
    values = {
        "t1": np.array([0.8, 0.9, 1.0]),
        "t2": 0.07,
        "b1": np.array([0.9, 1.0, 1.1]),
        "off_resonance": 12.0,
    }
    two = mri.Pools(place, **values, second=mri.Liquid(0.6, 0.02, 1.2), fraction=0.15, exchange=80.0)
    same = mri.ManyPools(place, **values, others=[mri.Solute(0.6, 0.02, 1.2, 0.15, 80.0)])
    got, truth = (np.asarray(mri.simulate(spins, program, SCANNER)) for spins in (same, two))
    assert np.abs(got - truth).max() < 1e-9


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_derivatives_in_the_tissue():
    blocks = [
        mri.block(rf=mri.sequences.hard_pulse(1.0)),
        pause(5e-3),
        mri.block(rf=mri.sequences.hard_pulse(1.0)),
    ]
    program = mri.compile_sequence(mri.Sequence([*blocks, mri.Block(10**10, adc=mri.Adc(4, 10**9))]))

    def loss(v):
        others = [
            mri.Solute(v[2], v[3] * 0.05, v[4] * 3.5, v[5] * 0.05, v[6] * 40),
            mri.Solute(0.9, 0.03, -2.0, 0.1 * v[7], 100.0 * v[8]),
        ]
        spins = mri.ManyPools(ONE, t1=v[0], t2=0.08 * v[1], off_resonance=20.0, others=others)
        signal = mri.simulate(spins, program, SCANNER)[0]
        return (signal.real * jnp.arange(1, 5) + signal.imag).sum()

    assert_gradient(loss, jnp.ones(9), step=1e-4, tolerance=1e-6, directions=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mri.ManyPools(ONE, others=[]), "others is empty"),
        (lambda: mri.ManyPools(ONE, others=[mri.Solute(t1=0.0)]), "t1 of solute 0 of spin 0 is 0"),
        (
            lambda: mri.ManyPools(ONE, others=[mri.Solute(), mri.Solute(t2=3.0)]),
            "t2 of solute 1 of spin 0 is 3",
        ),
        (
            lambda: mri.ManyPools(ONE, others=[mri.Solute(shift=n, fraction=0.6) for n in (1.0, 2.0)]),
            "all solutes together of spin 0 is 1.2",
        ),
        (
            lambda: mri.ManyPools(ONE, others=[mri.Solute(exchange=1e7)]),
            "exchange of solute 0 of spin 0 is 1e",
        ),
        (lambda: mri.ManyPools(ONE, others=[mri.Solute(shift=np.nan)]), "shift of solute 0 has 1 NaN"),
        (
            lambda: mri.ManyPools(ONE, others=[mri.Solute(), mri.Solute(fraction=2e-3)]),
            "solutes 0 and 1 are alike",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
