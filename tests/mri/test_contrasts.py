"""Signal equations against an independent integration of the Bloch equations, and their known limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim import mri
from physim_phantoms import InputError
from tests.helper import assert_gradient

T1, T2, T2_STAR, DENSITY = 0.9, 0.08, 0.05, 0.75


def rotation_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def relax(m: np.ndarray, time: float, t2: float) -> np.ndarray:
    e1, e2 = np.exp(-time / T1), np.exp(-time / t2)
    return np.array([m[0] * e2, m[1] * e2, DENSITY + (m[2] - DENSITY) * e1])


def steady_state(events, t2: float) -> float:
    """Plays (angle, time) events over and over, transverse magnetisation spoiled at each start; |M| at the echo."""
    m = np.array([0.0, 0.0, DENSITY])
    echo = 0.0
    for _ in range(400):
        m[:2] = 0
        for angle, time, is_echo in events:
            m = rotation_x(angle) @ m
            m = relax(m, time, t2)
            if is_echo:
                echo = float(np.hypot(m[0], m[1]))
    return echo


@pytest.mark.usefixtures("x64")
def test_spoiled_gradient_echo_against_bloch():
    tr, te, flip = 0.018, 0.004, 0.4
    truth = steady_state([(flip, te, True), (0.0, tr - te, False)], T2_STAR)
    signal = mri.SpoiledGradientEcho(tr, te, flip).signal(DENSITY, T1, T2, T2_STAR)
    assert float(signal) == pytest.approx(truth, rel=1e-9)


@pytest.mark.usefixtures("x64")
def test_spin_echo_against_bloch():
    tr, te = 1.1, 0.06
    truth = steady_state([(np.pi / 2, te / 2, False), (np.pi, te / 2, True), (0.0, tr - te, False)], T2)
    assert float(mri.SpinEcho(tr, te).signal(DENSITY, T1, T2, T2_STAR)) == pytest.approx(truth, rel=1e-9)


@pytest.mark.usefixtures("x64")
def test_inversion_recovery_against_bloch():
    tr, te, ti = 3.0, 0.05, 0.4
    m, echo = np.array([0.0, 0.0, DENSITY]), 0.0
    for _ in range(50):
        m = rotation_x(np.pi) @ m
        m = relax(m, ti, T2)
        m[:2] = 0  # crusher after the inversion
        m = relax(rotation_x(np.pi / 2) @ m, te / 2, T2)
        m = relax(rotation_x(np.pi) @ m, te / 2, T2)
        echo = float(np.hypot(m[0], m[1]))
        m = relax(m, tr - ti - te, T2)
        m[:2] = 0
    signal = float(mri.InversionRecovery(tr, te, ti).signal(DENSITY, T1, T2, T2_STAR))
    assert abs(signal) == pytest.approx(echo, rel=1e-6)


@pytest.mark.usefixtures("x64")
def test_null_time_nulls():
    ti = mri.null_time(9.0, 0.1, 4.3)
    assert abs(float(mri.InversionRecovery(9.0, 0.1, float(ti)).signal(1.0, 4.3, 1.9, 0.7))) < 1e-14
    assert 2.2 < float(ti) < 2.6


@pytest.mark.usefixtures("x64")
def test_ernst_angle_is_the_maximum():
    tr = 0.02
    ernst = float(np.arccos(np.exp(-tr / T1)))
    slope = jax.grad(lambda a: mri.SpoiledGradientEcho(tr, 0.004, a).signal(1.0, T1, T2, T2_STAR))(ernst)
    assert abs(float(slope)) < 1e-12


@settings(max_examples=40, deadline=None)
@given(tr=st.floats(0.2, 8.0), te=st.floats(0.0, 0.15), t1=st.floats(0.2, 4.0), t2=st.floats(0.02, 0.19))
def test_spin_echo_stays_below_full_signal_and_falls_with_te(tr, te, t1, t2):
    signal = float(mri.SpinEcho(tr, te).signal(1.0, t1, t2, t2))
    later = float(mri.SpinEcho(tr, te + 0.02).signal(1.0, t1, t2, t2))
    assert -1e-6 <= signal <= 1
    assert later <= signal + 1e-6


@pytest.mark.usefixtures("x64")
def test_derivatives_in_protocol_and_tissue():
    assert_gradient(
        lambda x: mri.SpoiledGradientEcho(x[0], x[1], x[2]).signal(1.0, x[3], 0.1, x[4]),
        jnp.asarray([0.02, 0.004, 0.3, 0.9, 0.05]),
    )
    assert_gradient(
        lambda x: mri.InversionRecovery(x[0], x[1], x[2]).signal(x[3], x[4], x[5], 0.05),
        jnp.asarray([3.0, 0.1, 0.8, 0.7, 0.9, 0.09]),
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mri.SpinEcho(0.05, 0.09), "not ms"),
        (lambda: mri.SpinEcho(-1.0, 0.09), "tr is -1"),
        (lambda: mri.SpoiledGradientEcho(0.02, 0.004, 4.0), "flip_angle"),
        (lambda: mri.InversionRecovery(2.0, 0.1, 2.0), "raise tr"),
        (lambda: mri.SpinEcho(float("nan"), 0.09), "tr"),
    ],
)
def test_bad_protocols(make, words):
    with pytest.raises(InputError, match=words):
        make()
