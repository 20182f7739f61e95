"""Inversion by a hyperbolic secant: the plateau over B1 and detuning, against an adaptive solver and the closed form."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from physim import mri

AMPLITUDE, DURATION, BETA, MU = 575.0, 10.24e-3, 4.0, 5.0  # Hz, s: the defaults
B1 = np.array([0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0])
PLATEAU = (
    0.9,
    1.5,
)  # B1 between which Mz is below −0.99; beyond, the sudden start of the cut secant costs more
DETUNING = np.array([0.0, 250.0, -400.0, 900.0])  # the band is 2 μβ/(πT) = 1240 Hz wide


def by_the_library(rf: mri.Rf, b1, detuning) -> np.ndarray:
    """Mz after the pulse for all B1 and detunings."""
    grid = np.array(np.meshgrid(b1, detuning, indexing="ij"))
    spins = mri.Isochromats(np.zeros((grid[0].size, 3)), b1=grid[0].ravel(), off_resonance=grid[1].ravel())
    program = mri.compile_sequence(mri.Sequence([mri.block(rf=rf)]))
    return np.asarray(mri.magnetisation(spins, program))[2, -1].reshape(grid[0].shape)


def by_the_solver(b1: float, detuning: float) -> float:
    """dM/dt = M × ω along the analytic secant, by a Runge-Kutta method of order 8 at 1e-10."""

    def rate(time, m):
        tau = 2 * time / DURATION - 1
        sech = 1 / np.cosh(BETA * tau)
        wave = 2 * np.pi * AMPLITUDE * b1 * sech * np.exp(-1j * MU * np.log(sech))
        return np.cross(m, [wave.real, wave.imag, 2 * np.pi * detuning])

    return solve_ivp(rate, (0, DURATION), [0, 0, 1.0], method="DOP853", rtol=1e-10, atol=1e-10).y[2, -1]


@pytest.mark.usefixtures("precision")
def test_plateau_over_b1_and_detuning():
    got = by_the_library(mri.sequences.hyperbolic_secant(), B1, DETUNING)
    truth = np.array([[by_the_solver(b1, f) for f in DETUNING] for b1 in B1])
    assert np.abs(got - truth).max() < 1e-3
    assert np.all(got[(PLATEAU[0] <= B1) & (PLATEAU[1] >= B1), :3] < -0.99)
    assert np.all(got[B1 < 0.5, 0] > -0.9)  # there is a threshold
    assert np.all(got[:, 3] > 0.9)  # and a band


@pytest.mark.usefixtures("precision")
def test_long_secant_has_the_closed_form():
    """Of a pulse without end, cut here at sech = 2·10⁻⁴: Silver, Joseph and Hoult, Phys. Rev. A 31 (1985) 2753, eq. 24."""
    beta, duration = 9.2, 23.552e-3  # the same modulation for longer
    rf = mri.sequences.hyperbolic_secant(AMPLITUDE, duration, beta, MU)
    got = by_the_library(rf, B1, DETUNING)
    rate = 2 * beta / duration
    nutation = 2 * np.pi * AMPLITUDE * B1[:, None] / rate
    up, down = (np.pi * (np.pi * DETUNING / rate + sign * MU / 2) for sign in (1, -1))
    oscillation = np.real(np.cos(np.pi * np.emath.sqrt(nutation**2 - MU**2)))
    truth = np.tanh(up) * np.tanh(down) + oscillation / (np.cosh(up) * np.cosh(down))
    assert np.abs(got - truth).max() < 1e-3
