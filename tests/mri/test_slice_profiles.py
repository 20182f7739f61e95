"""Slice profiles: the Fourier transform of small flips, Cayley-Klein polynomials of large ones, exactly for hard pulses."""

import numpy as np
import pytest

from physim import mri
from physim.mri.sequences.pulses import slice_gradient
from physim.mri.sequences.slr import hard_pulses
from tests.mri.instant import instant

RATE = 42.577478518  # Hz/mm per mT/m
S = mri.sequences
THICKNESS, DURATION, BAND = 5.0, 4e-3, 4.0
DEPTH = np.linspace(-8.0, 8.0, 161)  # mm along z


def column(depth) -> mri.Isochromats:
    """Spins along z that do not relax."""
    return mri.Isochromats(np.stack([np.zeros_like(depth), np.zeros_like(depth), depth], axis=1))


def profile(rf: mri.Rf) -> tuple[np.ndarray, np.ndarray, mri.Trapezoid]:
    """Transverse and longitudinal magnetisation where the pulse ends, and the gradient under it."""
    rf, gradient = slice_gradient(BAND / DURATION, THICKNESS, rf, S.Limits())
    program = mri.compile_sequence(mri.Sequence([mri.block(rf=rf, gz=gradient)]))
    x, y, z = np.asarray(mri.magnetisation(column(DEPTH), program))[:, -1].astype(float)
    return x + 1j * y, z, gradient


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("make", [S.sinc_pulse, S.slr_pulse])
def test_small_flips_give_the_fourier_transform(make):
    """M⊥ = i ∫ 2π B₁(t) exp(−2πi f (T − t)) dt: Pauly, Nishimura and Macovski, J. Magn. Reson. 81 (1989) 43."""
    flip = 0.03
    rf = make(flip, DURATION, BAND)
    got, _, gradient = profile(rf)
    time = np.linspace(0.0, rf.duration, 8001)
    wave = rf.amplitude * (rf.at(time) @ np.array([1.0, 1j]))
    phase = np.exp(-2j * np.pi * RATE * gradient.amplitude * DEPTH[:, None] * (rf.duration - time) / 1e12)
    truth = 2j * np.pi * np.trapezoid(wave * phase, time / 1e12, axis=1)
    assert np.abs(truth).max() == pytest.approx(flip, rel=0.03)
    assert np.abs(got - truth).max() < 1e-3 * flip


def cayley_klein(flips, turn) -> tuple[np.ndarray, np.ndarray]:
    """A and B behind hard pulses of `flips` about x, `turn` rad of precession apart: the recursion of Pauly et al. 1991."""
    a, b = np.ones_like(turn, complex), np.zeros_like(turn, complex)
    for flip in flips:
        c, s = np.cos(flip / 2), 1j * np.sin(flip / 2)
        late = np.exp(-1j * turn) * b
        a, b = c * a + s * late, s * a + c * late
    return a, b


def taps(flip: float, count: int) -> np.ndarray:
    """B of a pulse: a low-pass filter with gain sin(flip/2)."""
    x = np.arange(count) - (count - 1) / 2
    made = np.sinc(BAND * x / count) * np.hamming(count)
    return made / np.abs(np.fft.fft(made, 64 * count)).max() * np.sin(flip / 2)


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("flip", [np.pi / 2, 0.99 * np.pi])
def test_hard_pulses_give_their_polynomials(flip):
    """A train of instant pulses under a steady gradient: M⊥ = 2 A* B and Mz = |A|² − |B|², B as it was designed."""
    count, gap = 48, 400 * 10**6
    b = taps(flip, count)
    flips = np.real(hard_pulses(1j * b))
    gradient = mri.Trapezoid(1.0, 0, gap, 0)
    blocks = [mri.Block(gap, rf=instant(one), gz=gradient) for one in flips]
    program = mri.compile_sequence(mri.Sequence(blocks))
    x, y, z = np.asarray(mri.magnetisation(column(DEPTH), program))[:, -1].astype(float)
    turn = 2 * np.pi * RATE * 1.0 * gap / 1e12 * DEPTH
    a, got_b = cayley_klein(flips, turn)
    designed = np.exp(-1j * np.outer(turn, np.arange(count))) @ b
    assert np.abs(np.abs(got_b) - np.abs(designed)).max() < 1e-8
    assert np.abs(z - (1 - 2 * np.abs(designed) ** 2)).max() < 1e-6
    assert np.abs(x + 1j * y - 2 * np.conj(a) * got_b).max() < 1e-6


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize(("flip", "use"), [(np.pi / 2, mri.Use.EXCITATION), (np.pi, mri.Use.REFOCUSING)])
def test_shaped_pulses_give_the_polynomials_of_their_samples(flip, use):
    """The pulse as it is played, cut into as many hard pulses as its raster has steps."""
    rf = S.slr_pulse(flip, DURATION, BAND, use=use)
    got, along, gradient = profile(rf)
    edges = np.asarray(rf.times)
    middles = (edges[1:] + edges[:-1]) / 2
    step = np.diff(edges)[0] / 1e12
    flips = 2 * np.pi * rf.amplitude * step * rf.at(middles)[:, 0]
    turn = 2 * np.pi * RATE * gradient.amplitude * step * DEPTH
    a, b = cayley_klein(flips, turn)
    # From the middle of the last hard pulse to the end of the pulse is half a step.
    half = np.exp(-0.5j * turn)
    assert np.abs(along - (np.abs(a) ** 2 - np.abs(b) ** 2)).max() < 1e-3
    assert np.abs(got - 2 * np.conj(a) * b * half).max() < 1e-3
