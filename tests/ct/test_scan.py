"""A whole scan: its order of events, its noise, what it refuses, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim.ct.detection import (
    CompoundPoisson,
    Crosstalk,
    EnergyIntegrating,
    Lag,
    Noiseless,
    NonParalyzable,
    PhotonCounting,
    QuantumNoise,
)
from physim.ct.readings import air_signal
from physim.ct.scan import scan
from physim.ct.source import ENERGIES, Protocol, beam, switched_kvp
from physim.ct.subsampling import SubSampling
from physim_phantoms import TISSUES, Grid, Phantom
from tests.helper import assert_gradient, unchecked

GRID = Grid((24, 24, 4), (6.0, 6.0, 6.0))


def cone():
    """A geometry of its own for float64: JAX 0.10 keeps the precision of a NumPy array that it saw under jit."""
    return ct.circular_cone(6, 500.0, 1000.0, (4, 40), (8.0, 8.0), curved=True)


CONE = cone()
PARALLEL = ct.parallel_beam(12, (64, 64), (0.3, 0.3))
KEY = jax.random.key(0)
QUIET = EnergyIntegrating(electronic_noise=0.0)


def disc(radius, grid=GRID, x=0.0, y=0.0):
    axes = grid.axes()
    inside = np.hypot(axes[0][:, None] - x, axes[1][None, :] - y) < radius
    return np.repeat(inside[..., None], grid.shape[2], axis=2).astype(np.float32)


def cylinder(radius=55.0):
    return Phantom.from_fractions(GRID, {"water": disc(radius)})


def empty():
    """No water, so that it compiles to what the cylinder does."""
    return Phantom.from_fractions(GRID, {"water": np.zeros(GRID.shape, np.float32)})


@pytest.mark.parametrize("noise", [QuantumNoise(), CompoundPoisson()])
def test_noise_of_a_scan_of_air_is_the_closed_form(noise):
    detector = EnergyIntegrating(electronic_noise=900.0)
    protocol = Protocol(kvp=100.0, mas=1.0, detector=detector)
    noisy, clean = (
        np.asarray(scan(empty(), PARALLEL, protocol, KEY, noise=n).signal, np.float64)
        for n in (noise, Noiseless())
    )
    source = beam(protocol, PARALLEL)
    number = np.asarray(source.spectrum[0] * source.solid_angle[0, 0, 0], np.float64)
    number = number * np.asarray(detector.quanta(ENERGIES).probability[0], np.float64)
    # 49 000 samples: the standard error of a variance is 0.6 %.
    assert (noisy - clean).var() == pytest.approx(number @ ENERGIES**2 + 900.0**2, rel=0.02)
    assert noisy.mean() == pytest.approx(clean.mean(), rel=2e-3)


def test_exact_noise_knows_the_sub_samples():
    """Poisson numbers of sub-rays add to that of the pixel: the variance is that of one ray."""
    protocol = Protocol(mas=0.2, detector=QUIET)
    parts = SubSampling(cell=(2, 1))
    noisy = scan(empty(), PARALLEL, protocol, KEY, noise=CompoundPoisson(), subsampling=parts).signal
    clean = scan(empty(), PARALLEL, protocol, KEY, noise=Noiseless(), subsampling=parts).signal
    source = beam(protocol, PARALLEL)
    number = np.asarray(
        source.spectrum[0] * source.solid_angle[0, 0, 0] * QUIET.quanta(ENERGIES).probability[0], np.float64
    )
    assert np.var(np.asarray(noisy - clean, np.float64)) == pytest.approx(number @ ENERGIES**2, rel=0.03)


def test_same_key_same_bits_and_another_key_other_noise():
    first, again, other = (scan(empty(), CONE, Protocol(), jax.random.key(k)).signal for k in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.mean(np.asarray(other) == first) < 0.01


def test_noise_falls_with_the_square_root_of_the_charge():
    deviations = []
    for mas in (5.0, 20.0):
        protocol = Protocol(mas=mas, detector=QUIET)
        log = [scan(empty(), PARALLEL, protocol, KEY, noise=n).log() for n in (Noiseless(), QuantumNoise())]
        deviations.append(float(jnp.std(log[1] - log[0])))
    assert deviations[0] / deviations[1] == pytest.approx(2.0, rel=0.02)


class Constant:
    """Scatter of a fixed share of the air signal."""

    def signal(self, primary, air, beam, geometry):
        return 0.1 * air


jax.tree_util.register_static(Constant)


@pytest.mark.parametrize("noise", [QuantumNoise(), CompoundPoisson()])
def test_scatter_is_added_with_its_noise(noise):
    protocol = Protocol(mas=1.0, detector=QUIET)
    plain, more = (
        scan(empty(), PARALLEL, protocol, KEY, noise=Noiseless(), scatter=s).signal
        for s in (None, Constant())
    )
    np.testing.assert_allclose(more - plain, 0.1 * air_signal(protocol, PARALLEL)[0], rtol=1e-4)
    noisy = [
        scan(empty(), PARALLEL, protocol, KEY, noise=noise, scatter=s).signal for s in (None, Constant())
    ]
    variances = [np.var(np.asarray(n - c, np.float64)) for n, c in zip(noisy, (plain, more), strict=True)]
    assert variances[1] / variances[0] == pytest.approx(1.1, abs=0.025)


def test_optical_crosstalk_smooths_the_noise_and_x_ray_crosstalk_does_not():
    share = 0.05
    kernel = 2 * share * (1 - 2 * share) / ((1 - 2 * share) ** 2 + 2 * share**2)
    for detector, correlation in (
        (EnergyIntegrating(electronic_noise=0.0, xray_crosstalk=Crosstalk(column=share)), 0.0),
        (EnergyIntegrating(electronic_noise=0.0, optical_crosstalk=Crosstalk(column=share)), kernel),
    ):
        noise = np.asarray(
            scan(empty(), PARALLEL, Protocol(mas=1.0, detector=detector), KEY).signal, np.float64
        )
        noise = noise - noise.mean()
        measured = np.mean(noise[:, :, 5:-6] * noise[:, :, 6:-5]) / np.mean(noise[:, :, 5:-5] ** 2)
        assert measured == pytest.approx(correlation, abs=0.015)


def test_lag_carries_signal_into_later_views():
    """The views see the cylinder in the same place, so the glow of the first, dark before it, builds up."""
    protocol = Protocol(detector=EnergyIntegrating(lag=Lag((0.4,), (1e-3,))), rotation_time=6e-3)
    plain = np.asarray(scan(cylinder(), CONE, Protocol(rotation_time=6e-3), KEY, noise=Noiseless()).signal)
    glowing = np.asarray(scan(cylinder(), CONE, protocol, KEY, noise=Noiseless()).signal)
    built_up = 1 - 0.4 * np.exp(-1.0 * np.arange(1, 7))
    np.testing.assert_allclose(glowing[:, 1, 20] / plain[:, 1, 20], built_up, rtol=2e-2)


def test_photon_counting_reads_one_sinogram_per_bin():
    protocol = Protocol(detector=PhotonCounting((25.0, 60.0)))
    raw = scan(cylinder(), CONE, protocol, KEY)
    assert raw.signal.shape == raw.log().shape == (2, *CONE.sinogram_shape)
    low, high = np.asarray(raw.log())[:, 0, 1, 20]
    # 110 mm of water: between the attenuation at 60 keV and the ends of the bins.
    mu = lambda energy: float(TISSUES["water"].attenuation(energy)) * 110
    assert mu(60.0) < low < mu(35.0)
    assert mu(120.0) < high < mu(60.0)


def test_pile_up_flattens_the_contrast_of_fast_scans():
    logs = []
    for dead_time in (0.0, 25e-9):
        protocol = Protocol(detector=PhotonCounting((25.0,), pile_up=NonParalyzable(dead_time)))
        logs.append(float(scan(cylinder(), CONE, protocol, KEY, noise=Noiseless()).log()[0, 1, 20]))
    assert logs[1] < 0.98 * logs[0]


def test_two_energies_from_alternating_voltages():
    raw = scan(cylinder(), CONE, Protocol(kvp=switched_kvp((80.0, 140.0), 6)), KEY, noise=Noiseless())
    log = np.asarray(raw.log())[:, 1, 20]
    assert np.all(log[::2] > 1.05 * log[1::2])


@pytest.mark.parametrize(
    ("detector", "noise"),
    [
        (EnergyIntegrating(), QuantumNoise()),
        (PhotonCounting(), CompoundPoisson()),
        pytest.param(EnergyIntegrating(), CompoundPoisson(), marks=pytest.mark.slow),
        pytest.param(EnergyIntegrating(), Noiseless(), marks=pytest.mark.slow),
        pytest.param(PhotonCounting(), QuantumNoise(), marks=pytest.mark.slow),
        pytest.param(PhotonCounting(), Noiseless(), marks=pytest.mark.slow),
    ],
)
def test_contrast_agent_and_metal_scan_to_finite_numbers(noise, detector):
    """80 mm of steel let no photon through: e^{-70} of them."""
    maps = {
        "iodinated_blood_10": disc(12.0, x=-30.0),
        "titanium": disc(9.0, y=36.0),
        "stainless_steel": disc(40.0, x=20.0),
    }
    maps["titanium"] = maps["titanium"] * (1 - maps["stainless_steel"])
    maps["iodinated_blood_10"] = maps["iodinated_blood_10"] * (1 - maps["stainless_steel"])
    maps["water"] = np.clip(disc(62.0) - sum(maps.values()), 0, 1)
    protocol = Protocol(mas=0.5, detector=detector)
    raw = scan(Phantom.from_fractions(GRID, maps), CONE, protocol, KEY, noise=noise)
    assert np.all(np.isfinite(raw.signal))
    assert np.all(np.asarray(raw.signal) >= 0)
    assert np.all(np.isfinite(raw.log()))
    assert np.min(np.asarray(raw.signal)) < 1e-3 * np.max(np.asarray(raw.signal))


def small(p):
    """A scan of a few rays, of seven numbers: two of the patient, four of the protocol, one of the geometry."""
    grid = Grid((10, 10, 2), (13.0, 13.0, 9.0))
    shape = jnp.asarray(disc(50.0, grid), p.dtype)
    patient = Phantom.from_fractions(grid, {"water": 0.8 * p[0] * shape, "cranium": 0.15 * p[1] * shape})
    detector = EnergyIntegrating(thickness=0.3 * p[5])
    protocol = Protocol(kvp=100 * p[2], mas=100 * p[3], filtration=5 * p[4], detector=detector)
    source_to_axis = 503.1 * p[6] if p.size > 6 else 503.1
    geometry = ct.circular_cone(2, source_to_axis, 1007.7, (2, 12), (9.3, 9.1), start=0.11)
    return jnp.mean(scan(patient, geometry, protocol, KEY, materials=2).log() ** 2)


@pytest.mark.usefixtures("x64")
def test_a_scan_is_differentiable_in_patient_and_protocol():
    assert_gradient(jax.jit(small), jnp.ones(6).at[2].set(1.003), tolerance=1e-5, step=1e-6, directions=1)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_a_scan_is_differentiable_in_the_geometry_too():
    assert_gradient(jax.jit(small), jnp.ones(7).at[2].set(1.003), tolerance=1e-5, step=1e-6, directions=1)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_a_sub_sampled_scan_is_differentiable():
    grid = Grid((10, 10, 2), (13.0, 13.0, 9.0))
    shape = jnp.asarray(disc(50.0, grid), jnp.float64)

    def signal(p):
        patient = Phantom.from_fractions(grid, {"water": 0.8 * p[0] * shape})
        raw = scan(
            patient,
            cone(),
            Protocol(),
            KEY,
            noise=Noiseless(),
            materials=1,
            subsampling=SubSampling(cell=(1, 2)),
        )
        return jnp.mean(raw.log() ** 2)

    assert_gradient(jax.jit(signal), jnp.ones(1), tolerance=1e-6, directions=1)


def test_scans_run_under_jit_and_vmap():
    one = lambda mas: scan(cylinder(), CONE, Protocol(mas=mas), KEY, materials=2).signal
    both = jax.jit(jax.vmap(one))(jnp.asarray([50.0, 200.0]))
    patient, geometry = cylinder(), CONE  # looked at while the charge is traced
    known = jax.jit(lambda mas: scan(patient, geometry, Protocol(mas=mas), KEY, materials=2).signal)
    for made in (both[1], known(200.0)):
        np.testing.assert_allclose(made, one(200.0), rtol=1e-4)


def test_bad_scans_are_refused():
    with pytest.raises(ValueError, match="materials is 0"):
        scan(cylinder(), CONE, Protocol(), KEY, materials=0)
    bad = cylinder()
    fractions = np.array(bad.fractions)
    fractions[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN"):
        scan(Phantom(bad.grid, bad.tissues, bad.ids, jnp.asarray(fractions)), CONE, Protocol(), KEY)
    with pytest.raises(ValueError, match="whole numbers of at least 1"):
        SubSampling(cell=(0, 1))
    with pytest.raises(ValueError, match="parallel rays have no focal spot"):
        unchecked(scan)(empty(), PARALLEL, Protocol(), KEY, subsampling=SubSampling((2, 1)))


def times_used(function, *arguments):
    """How often each line-integral primitive stands in a traced function."""
    found = {}

    def walk(jaxpr):
        for equation in jaxpr.eqns:
            name = equation.primitive.name
            found[name] = found.get(name, 0) + 1
            for value in jax.tree.leaves(
                equation.params, is_leaf=lambda p: hasattr(p, "eqns") or hasattr(p, "jaxpr")
            ):
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    walk(inner)

    walk(jax.make_jaxpr(function)(*arguments).jaxpr)
    return {name: found.get(name, 0) for name in ("physim_rays", "physim_rays_transpose", "exp")}


@pytest.mark.parametrize(("parts", "again"), [(1, 1), (3, 2)])
def test_a_gradient_costs_a_few_scans(parts, again):
    """Line integrals are made once, or twice with sub-samples, and transposed once: 2 or 3 times a scan; energies 3 times."""
    how = {"noise": QuantumNoise(), "materials": 2, "subsampling": SubSampling(cell=(1, parts))}

    def signal(amount):
        patient = Phantom.from_fractions(GRID, {"water": amount * disc(50.0), "cranium": 0.1 * disc(30.0)})
        return jnp.sum(scan(patient, CONE, Protocol(), KEY, **how).signal)

    forward, backward = times_used(signal, 0.8), times_used(jax.grad(signal), 0.8)
    assert forward["physim_rays"] == 2 * parts
    assert forward["physim_rays_transpose"] == 0
    assert backward["physim_rays"] == again * 2 * parts
    assert backward["physim_rays_transpose"] == 2 * parts
