"""The b-matrix against the closed form of Stejskal and Tanner, against quadrature, and what a builder promises."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, simpson

from physim import mri
from physim_phantoms import InputError
from tests.mri.builders import VIEW, S, grid_steps, middles, since_excitation

GAMMA = 42.577478518  # Hz/mm per mT/m
MILLISECOND = 10**9


def pair(amplitude, rise, flat, gap, refocused: bool) -> mri.Sequence:
    """Two gradients with a pulse between them (times in ms), on all three axes with different strengths."""
    lobes = {
        axis: mri.Trapezoid(part * amplitude, rise * MILLISECOND, flat * MILLISECOND, rise * MILLISECOND)
        for axis, part in (("gx", 1.0), ("gy", -0.5), ("gz", 0.25))
    }
    second = lobes if refocused else {a: replace(g, amplitude=-g.amplitude) for a, g in lobes.items()}
    corners = np.array([0, 2000], np.int64)
    turn = mri.Rf(1e3, np.ones(2), np.zeros(2), corners, 2000, centre=1000, use=mri.Use.REFOCUSING)
    excite = replace(turn, use=mri.Use.EXCITATION)
    middle = mri.Block(gap * MILLISECOND, rf=turn if refocused else None)
    blocks = [mri.Block(2000, rf=excite), mri.block(**lobes), middle, mri.block(**second)]
    return mri.Sequence([*blocks, mri.Block(10**6, adc=mri.Adc(1, 10**6))])


@pytest.mark.parametrize("refocused", [True, False], ids=["spin echo", "bipolar"])
@pytest.mark.parametrize(("rise", "flat", "gap"), [(1, 12, 9), (3, 5, 20), (2, 0, 3)])
def test_pulsed_gradients_have_the_b_of_the_closed_form(rise, flat, gap, refocused):
    amplitude = 31.0
    delta, epsilon = (rise + flat) * 1e-3, rise * 1e-3
    apart = (2 * rise + flat + gap) * 1e-3
    shape = delta**2 * (apart - delta / 3) + epsilon**3 / 30 - delta * epsilon**2 / 6
    along = np.array([1.0, -0.5, 0.25])
    truth = (2 * np.pi * GAMMA * amplitude) ** 2 * shape * np.outer(along, along)
    assert np.allclose(mri.b_matrix(pair(amplitude, rise, flat, gap, refocused)), truth, rtol=1e-6)


def test_every_gradient_of_a_sequence_counts_as_quadrature_says():
    sequence = S.diffusion_echo_planar((8, 6), VIEW, 300.0, (1.0, 0.5, -0.2), te=80e-3)
    begin, turn = middles(sequence)[0], middles(sequence, mri.Use.REFOCUSING)[0]
    echo = begin + 80e-3
    # Our own sum on a grid of 1 µs, on which all corners lie: gradients by interpolation, k and k kᵀ by Simpson's rule.
    time = np.arange(0, sequence.starts()[-1] + 1, 10**6)
    rate = np.zeros((len(time), 3))
    for start, one in zip(sequence.starts(), sequence, strict=False):
        for axis, name in enumerate(("gx", "gy", "gz")):
            if (event := getattr(one, name)) is not None:
                t, v = event.knots()
                rate[:, axis] += GAMMA * np.interp(time, start + t, v, left=0, right=0)
    seconds = time / 1e12
    k = cumulative_trapezoid(rate, seconds, axis=0, initial=0)
    first, middle, last = (round(at * 1e6) for at in (begin, turn, echo))
    k = k - k[first]
    k[middle:] -= 2 * k[middle]
    products = k[:, :, None] * k[:, None, :]
    parts = [simpson(products[a : b + 1], dx=1e-6, axis=0) for a, b in ((first, middle), (middle, last))]
    truth = (2 * np.pi) ** 2 * np.sum(parts, axis=0)
    got = mri.b_matrix(sequence, at=echo)
    assert np.abs(got - truth).max() < 1e-6 * np.trace(truth)
    assert np.allclose(mri.b_matrix(sequence), got, rtol=1e-9)


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, 0.0, -2.0), (1.0, 1.0, 1.0)])
def test_the_builder_weights_as_it_was_asked(direction):
    b = 900.0
    sequence = S.diffusion_echo_planar((8, 6), VIEW, b, direction, te=90e-3)
    lobes = {
        id(one) for one in sequence if one.rf is None and one.duration > 10 * MILLISECOND and one.events()
    }
    assert len(lobes) == 1
    # Without anything but the two gradients b is exactly what was asked for.
    bare = []
    for one in sequence:
        keep = id(one) in lobes
        bare.append(one if keep else replace(one, gx=None, gy=None, gz=None))
    got = mri.b_matrix(mri.Sequence(bare), at=middles(sequence)[0] + 90e-3)
    along = np.array(direction) / np.linalg.norm(direction)
    assert np.allclose(got, b * np.outer(along, along), rtol=1e-9, atol=1e-9)
    # Crushers beside the pulse add a little along z, and cross with a weighting that has a part along z.
    assert abs(np.trace(mri.b_matrix(sequence)) - b) < 0.03 * b


@pytest.mark.parametrize("matrix", [(8, 6), (7, 8), (9, 7)])
def test_diffusion_samples_the_grid_with_its_echo_at_te(matrix):
    sequence = S.diffusion_echo_planar(matrix, VIEW, 500.0, (0.3, 1.0, 0.0), te=84e-3)
    k = mri.kspace_of(sequence).reshape(matrix[1], matrix[0], 3)
    x, y = (grid_steps(n, length) for n, length in zip(matrix, VIEW, strict=True))
    assert np.allclose(k[::2, :, 0], x, rtol=0, atol=1e-11)
    assert np.allclose(k[1::2, :, 0], x[::-1], rtol=0, atol=1e-11)
    assert np.allclose(k[:, :, 1], y[:, None], rtol=0, atol=1e-11)
    assert np.allclose(k[:, :, 2], 0, atol=1e-11)
    echo = since_excitation(sequence)[np.argmin(np.linalg.norm(k.reshape(-1, 3), axis=1))]
    assert echo == pytest.approx(84e-3, abs=1e-12)
    refocused = middles(sequence, mri.Use.REFOCUSING)[0] - middles(sequence)[0]
    assert refocused == pytest.approx(42e-3, abs=1e-12)


def test_times_without_excitation_are_refused():
    sequence = S.diffusion_echo_planar((8, 6), VIEW, 100.0)
    with pytest.raises(InputError, match="no excitation comes before"):
        mri.b_matrix(sequence, at=0.0)
    with pytest.raises(InputError, match="at is 5"):
        mri.b_matrix(sequence, at=5.0)
    with pytest.raises(InputError, match="no samples"):
        mri.b_matrix(mri.Sequence([mri.block(rf=S.hard_pulse(1.0))]))
