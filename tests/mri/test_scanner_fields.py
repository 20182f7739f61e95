"""Coils, noise, fields and sparks through a whole scan: what comes out is what closed forms say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from physim.mri.coils.covariance import coloured_noise
from physim.mri.coils.loop_field import relative_potential
from physim.mri.reconstruction.combine import SensitivityWeighted
from physim.mri.scanner import PARTS, _require_kind
from physim_phantoms import Grid, InputError, Phantom
from tests.helper import nrmse, unchecked

ECHO = mri.SpinEcho(4.0, 0.02)
SILENT = mri.Scanner(noise=0.0)
ARRAY = mri.head_array(4)
RNG = np.random.default_rng(5)
MIX = RNG.standard_normal((4, 4)) + 1j * RNG.standard_normal((4, 4))
PSI = MIX @ MIX.conj().T / 4 + 0.2 * np.eye(4)
GRID = Grid((12, 10, 6), 12.0)


def water() -> Phantom:
    made = np.zeros(GRID.shape, np.float32)
    made[2:9, 3:8, 1:5] = 1.0
    return Phantom.from_fractions(GRID, {"water": made})


def test_coils_see_the_image_by_their_sensitivities(key):
    """And with these known, the image comes back without them."""
    patient = water()
    scanner = mri.Scanner(noise=0.0, receive=ARRAY)
    raw = mri.scan(patient, ECHO, scanner, key)
    assert raw.samples.shape == (4, *GRID.shape)
    truth = np.asarray(mri.signal_map(patient, ECHO, SILENT))
    maps = mri.sensitivity_maps(ARRAY, GRID)
    root = np.sqrt(np.sum(np.abs(np.asarray(maps)) ** 2, axis=0))
    np.testing.assert_allclose(mri.reconstruct(raw), truth * root, atol=2e-5)
    np.testing.assert_allclose(
        mri.reconstruct_complex(raw, combination=SensitivityWeighted(maps)), truth + 0j, atol=2e-5
    )


def test_a_played_sequence_is_heard_by_each_coil():
    """A spin's samples are those of the uniform coil times the sensitivity at its place, whatever the chunk."""
    place = np.array([[30.0, -20.0, 10.0], [0.0, 50.0, 0.0]], np.float32)
    sequence = mri.sequences.free_induction_decay(
        samples=4, dwell=1e-3, pulse=mri.sequences.hard_pulse(np.pi / 2, 1e-6)
    )
    scanner = mri.Scanner(receive=ARRAY)
    made = np.asarray(mri.simulate(mri.Isochromats(place, t1=1.0, t2=0.1), sequence, scanner))
    assert made.shape == (4, 4)
    one = np.asarray(mri.simulate(mri.Isochromats(place[:1], t1=1.0, t2=0.1), sequence, SILENT))[0]
    seen = np.asarray(ARRAY.sensitivity(jnp.asarray(place))).sum(axis=1)
    assert nrmse(made, seen[:, None] * one) < 1e-6


@pytest.mark.parametrize("precise", [False, True])
def test_noise_has_the_covariance_asked_for(key, precise):
    with jax.enable_x64(precise):
        dtype = jnp.float64 if precise else jnp.float32
        noise = np.asarray(coloured_noise(key, mri.NoiseCovariance(PSI), 4, (40, 50, 20), dtype))
        assert noise.dtype == (np.complex128 if precise else np.complex64)
        flat = noise.reshape(4, -1)
        for found, wanted in ((flat @ flat.conj().T, 2 * PSI), (flat @ flat.T, 0 * PSI)):  # circular, too
            assert np.abs(found / flat.shape[1] - wanted).max() < 0.02 * np.abs(PSI).max()


def test_noise_of_one_coil_keeps_its_level_and_of_many_its_bits(key):
    patient = Phantom.from_fractions(GRID, {"air": np.ones(GRID.shape, np.float32)})
    scanner = mri.Scanner(noise=0.01, receive=ARRAY, noise_covariance=mri.NoiseCovariance(PSI))
    raw = mri.scan(patient, ECHO, scanner, key)
    again = mri.scan(patient, ECHO, scanner, key)
    np.testing.assert_array_equal(raw.samples, again.samples)
    single = mri.scan(patient, ECHO, mri.Scanner(noise=0.01), key)
    assert single.samples.shape == GRID.shape
    level = 0.01 * GRID.voxel_volume**-1 * GRID.voxel_volume * np.sqrt(GRID.size)
    assert float(single.samples.real.std()) == pytest.approx(level, rel=0.1)
    assert np.asarray(raw.samples.imag).std(axis=(1, 2, 3)) == pytest.approx(
        level * np.sqrt(np.diag(PSI).real), rel=0.1
    )


@pytest.mark.usefixtures("x64")
def test_loops_share_the_noise_of_the_body():
    """Twins have the correlation 1 less their own share; and the sum over voxels is the one of the potential."""
    sigma = np.full(GRID.shape, 0.5)
    twins = mri.Loops([[0.0, 120.0, 0.0]] * 2, [[0.0, 1.0, 0.0]] * 2, 40.0, np.array([1.0, 1j]))
    made = np.asarray(mri.body_noise(twins, GRID, sigma, own=0.2).values)
    np.testing.assert_allclose(made, [[1.0, -0.8j], [0.8j, 1.0]], atol=1e-12)
    psi = np.asarray(mri.body_noise(ARRAY, GRID, sigma, own=0.0).values)
    place = jnp.asarray(GRID.centres()).reshape(-1, 3)
    a = np.asarray(relative_potential(place, ARRAY.centre, ARRAY.normal, ARRAY.radius))
    truth = np.einsum("acn,adn->cd", a, a)
    np.testing.assert_allclose(psi, truth / np.mean(np.diag(truth)), rtol=1e-5)


@pytest.mark.parametrize(
    ("matrix", "why"),
    [
        (np.ones((2, 3)), r"must be \(coils, coils\)"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), r"not Hermitian: \[0, 1\]"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "eigenvalue -1"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "NaN"),
    ],
)
def test_covariances_that_are_none_are_refused(matrix, why):
    with pytest.raises(InputError, match=why):
        unchecked(mri.NoiseCovariance)(matrix)


@pytest.mark.parametrize("name", ["receive", "noise_covariance", "transmit", "b0", "spikes", "gradients"])
def test_numbers_where_an_object_belongs_are_refused(name):
    kind, instead = next((kind, instead) for part, kind, instead in PARTS if part == name)
    with pytest.raises(ValueError, match=rf"{name} is 1.2; it must be an object: write {name}=mri\."):
        _require_kind(name, 1.2, kind, instead)
    _require_kind(name, getattr(mri.Scanner(), name), kind, instead)


def test_other_refusals(key):
    with pytest.raises(InputError, match="is for 4 coils, but there are 8"):
        mri.Scanner(receive=mri.head_array(8), noise_covariance=mri.NoiseCovariance(PSI))
    raw = mri.scan(water(), ECHO, mri.Scanner(receive=ARRAY), key)
    with pytest.raises(InputError, match="the first axis must be the coils"):
        mri.reconstruct(mri.KSpace(raw.samples[:3], raw.grid, 4))
    with pytest.raises(InputError, match="SusceptibilityField, but the steady-state"):
        mri.scan(water(), ECHO, mri.Scanner(b0=mri.SusceptibilityField()), key)
    with pytest.raises(InputError, match="know no B0 and no B1"):
        mri.scan(water(), ECHO, mri.Scanner(transmit=mri.NominalTransmit(0.9)), key)
    with pytest.raises(InputError, match="outside the raw data"):
        mri.scan(water(), ECHO, mri.Scanner(spikes=mri.SpikesAt([[12, 0, 0]])), key)
    with pytest.raises(InputError, match="conductivity is 0 everywhere"):
        mri.body_noise(ARRAY, GRID, np.zeros(GRID.shape))
    with pytest.raises(InputError, match="currents cancel"):
        mri.TransmitLoops(mri.Loops(*(lambda b: (b.centre, b.normal, b.radius))(mri.birdcage(8))))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("field", [1.5, 7.0])
def test_the_dielectric_sphere_solves_maxwells_equations(field):
    """B = B₊ x̂ + …: of ∇(∇·(n̂ j₀))/k² + n̂ j₀ with n̂ = x̂ + i ŷ, the part along n̂; by automatic derivatives."""
    model = mri.DielectricSphere((1.0, 2.0, 3.0), 52.0, 0.55)
    omega = 2 * np.pi * 42.577478518e6 * field
    k = omega / 299792458.0 * 1e-3 * np.sqrt(52.0 - 0.55j / (omega * 8.8541878188e-12))

    def wave(r):
        kr = k * jnp.sqrt(jnp.sum(r**2))
        return jnp.sin(kr) / kr

    curved = lambda r: jax.hessian(lambda r: wave(r).real)(r) + 1j * jax.hessian(lambda r: wave(r).imag)(r)
    for r in ([40.0, 10.0, -20.0], [3.0, -1.0, 5.0], [0.0, 0.0, 80.0]):
        second = np.asarray(curved(jnp.asarray(r)))
        n = np.array([1.0, 1j, 0.0])
        truth = n * complex(wave(jnp.asarray(r))) + second @ n / k**2
        along = np.conj(n) @ truth / 2
        made = model.b1(jnp.asarray([np.array(r) + np.array([1.0, 2.0, 3.0])]), field)[0]
        assert float(made) == pytest.approx(abs(along) * 1.5, rel=1e-9)
    assert float(model.b1(jnp.asarray([[1.0, 2.0, 3.0]]), field)[0]) == pytest.approx(1.0, abs=1e-12)


def test_a_birdcage_turns_with_the_spins_and_is_even_in_the_middle():
    transmit = mri.TransmitLoops(mri.birdcage(8))
    points = jnp.asarray(
        [[0.0, 0.0, 0.0], [20.0, 0.0, 0.0], [0.0, 20.0, 0.0], [-14.1, 14.1, 0.0]], jnp.float32
    )
    made = np.asarray(transmit.b1(points, 3.0))
    assert made[0] == pytest.approx(1.0)
    assert made[1:] == pytest.approx(1.0, abs=0.05)
    assert made[1:3] == pytest.approx(made[3], abs=1e-3)


def test_fields_reach_the_spins():
    """Off-resonance and B1+ at each spin's own place; a flat map is the number itself."""
    patient = water()
    x = np.asarray(GRID.centres())[..., 0].astype(np.float32)
    scanner = mri.Scanner(b0=mri.FieldMap(GRID, 0.5 * x), transmit=mri.TransmitMap(GRID, 1 + 0.001 * x))
    spins = mri.spins_in(patient, scanner, 5)
    np.testing.assert_allclose(spins.off_resonance, 0.5 * spins.position[:, 0], atol=1e-4)
    np.testing.assert_allclose(spins.b1, 1 + 0.001 * spins.position[:, 0], atol=1e-6)
    plain = mri.spins_in(patient, mri.Scanner(), 5)
    assert np.all(np.asarray(plain.b1) == 1)
    assert np.all(np.asarray(plain.off_resonance) == 0)


def test_a_spike_is_a_stripe_of_its_frequency(key):
    clean = mri.scan(water(), ECHO, SILENT, key)
    hit = mri.scan(water(), ECHO, mri.Scanner(noise=0.0, spikes=mri.SpikesAt([[8, 5, 3]], 0.3)), key)
    added = np.array(hit.samples - clean.samples)
    largest = np.abs(np.asarray(clean.samples)).max()
    assert np.abs(added[8, 5, 3]) == pytest.approx(0.3 * largest, rel=1e-4)
    added[8, 5, 3] = 0
    assert np.all(added == 0)
    stripe = np.asarray(mri.reconstruct_complex(hit) - mri.reconstruct_complex(clean))
    steps = np.angle(stripe[1:] / stripe[:-1])
    np.testing.assert_allclose(steps, 2 * np.pi * (8 - 6) / 12, atol=1e-3)
    every = mri.Spikes(0.05, 1.0).add(jnp.ones((2, 40, 40, 4), jnp.complex64), key)
    struck = np.abs(np.asarray(every) - 1) > 0
    assert np.array_equal(struck[0], struck[1])
    assert struck[0].mean() == pytest.approx(0.05, rel=0.15)
