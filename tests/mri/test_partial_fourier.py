"""Partial Fourier and phase-sensitive inversion recovery on objects whose phase is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from physim.mri import reconstruction as recon
from physim_phantoms import InputError
from tests.helper import assert_gradient, nrmse
from tests.mri.coils_of_tests import GRID, brain, coil_samples, maps, smooth_brain

ONE = np.ones((1, *GRID.shape), np.complex64)


def one_sided(image, lines):
    samples = coil_samples(image, ONE)
    line = np.arange(GRID.shape[1])
    acquired = (line >= lines[0]) & (line < lines[1])
    return jnp.asarray(np.where(acquired[:, None], samples, 0))


@pytest.mark.parametrize("lines", [(9, 24), (0, 17)])
def test_homodyne_is_exact_for_a_known_constant_phase(lines):
    # The line at -M/2 is its own mirror image: nothing can replace it, so the object leaves it empty.
    spectrum = np.fft.fft(brain(), axis=1)
    spectrum[:, 12] = 0
    image = np.fft.ifft(spectrum, axis=1).real
    phase = np.full((1, *GRID.shape), 0.7, np.float32)
    made = recon.Homodyne(lines, phase=phase).image(one_sided(image * np.exp(0.7j), lines), GRID)
    assert nrmse(made, image) < 1e-5
    found = recon.Homodyne(lines).image(one_sided(image * np.exp(0.7j), lines), GRID)
    assert nrmse(np.abs(found), np.abs(image)) < 0.1


def test_pocs_with_a_phase_that_varies():
    x, y = (np.asarray(GRID.centres())[..., i] for i in (0, 1))
    phase = 0.3 * np.cos(x / 15) + 0.4 * np.sin(y / 20) + 0.5
    image, lines = smooth_brain(), (8, 24)
    samples = one_sided(image * np.exp(1j * phase), lines)
    method = recon.Pocs(lines, phase=phase[None].astype(np.float32), iterations=40)
    zero_filled = recon.FullySampled().image(samples, GRID)
    made = method.image(samples, GRID)
    assert nrmse(made, image * np.exp(1j * phase)) < 0.2 * nrmse(np.abs(zero_filled), image)
    # What was acquired stays as it is.
    again = coil_samples(np.asarray(made), ONE)[:, :, 8:]
    assert nrmse(again, np.asarray(samples)[:, :, 8:]) < 1e-5
    estimated = recon.Pocs(lines).image(samples, GRID)
    assert nrmse(np.abs(estimated), image) < 0.5 * nrmse(np.abs(zero_filled), image)


@pytest.mark.usefixtures("x64")
def test_derivatives_of_pocs():
    start = jnp.asarray(one_sided(brain(), (9, 24)), jnp.complex128)

    def power(x):
        made = recon.Pocs((9, 24), iterations=3).image(start * (1 + x), GRID)
        return jnp.sum(jnp.arange(24.0)[:, None] * jnp.abs(made) ** 2)

    assert_gradient(power, jnp.zeros(start.shape), 1e-5, directions=1)


def test_inversion_recovery_keeps_its_sign():
    seen = maps(4)
    magnetisation = np.where(brain() != 0, brain() - 1.1, 0)
    inverted, reference = (jnp.asarray((seen * m).astype(np.complex64)) for m in (magnetisation, brain()))
    made = recon.phase_sensitive(inverted, reference)
    shading = np.sqrt(np.sum(np.abs(seen) ** 2, axis=0)) * np.sign(brain())
    assert nrmse(made, magnetisation * shading) < 1e-5
    assert np.min(np.asarray(made)) < 0 < np.max(np.asarray(made))


def test_refusals():
    samples = one_sided(brain(), (9, 24))
    for lines in ((12, 24), (3, 20), (9, 30), (20, 10)):
        with pytest.raises(InputError, match=r"write lines=\(9, 24\)"):
            recon.Homodyne(lines).image(samples, GRID)
    with pytest.raises(InputError, match="must be 0, 1 or 2"):
        recon.Pocs((9, 24), axis=3).image(samples, GRID)
    with pytest.raises(InputError, match="must have shape"):
        recon.Pocs((9, 24), phase=np.zeros((2, *GRID.shape))).image(samples, GRID)
