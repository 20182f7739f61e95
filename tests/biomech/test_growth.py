"""Fisher-KPP growth: the travelling wave, conservation, bounds, order in time, derivatives, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from physim import biomech
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradients, assert_order, unchecked


@pytest.mark.usefixtures("x64")
def test_front_of_ablowitz_and_zeppetella():
    """The closed form u = (1 + exp((x - c t) √(ρ / 6D)))^-2 with c = 5 √(ρ D / 6); Bull. Math. Biol. 41 (1979) 835."""
    diffusivity, rate, days = 0.5, 0.2, 20.0
    grid = Grid((240, 1, 1), (0.25, 1.0, 1.0))
    x = np.asarray(grid.centres())[:, 0, 0, 0]
    wave = lambda t: (
        (1 + np.exp((x - 5 * np.sqrt(rate * diffusivity / 6) * t) * np.sqrt(rate / 6 / diffusivity))) ** -2
    )
    initial = jnp.asarray(wave(0.0)[:, None, None])
    model = biomech.FisherKPP(diffusivity, rate)
    grown = biomech.grow(
        initial, grid, model, [0.0, days], scheme=biomech.Strang.stable(model, grid, time_step=0.1)
    )
    middle = slice(40, -40)  # the wave's tails do not fit a closed box
    np.testing.assert_allclose(np.asarray(grown[1])[middle, 0, 0], wave(days)[middle], atol=2e-4)


@pytest.mark.usefixtures("x64")
def test_pure_diffusion_is_a_widening_gaussian_and_keeps_its_mass():
    grid = Grid((40, 40, 40), 1.0)
    radius2 = np.sum(np.asarray(grid.centres()) ** 2, axis=-1)
    gauss = lambda variance: variance**-1.5 * np.exp(-radius2 / (2 * variance))
    start, diffusivity, days = 9.0, 0.1, 30.0
    model = biomech.FisherKPP(diffusivity, 0.0)
    scheme = biomech.Strang.stable(model, grid, time_step=0.5)
    grown = biomech.grow(jnp.asarray(gauss(start)), grid, model, [days], scheme=scheme)[0]
    truth = gauss(start + 2 * diffusivity * days)
    assert abs(float(jnp.sum(grown)) / gauss(start).sum() - 1) < 1e-12
    assert np.abs(grown - truth).max() < 0.01 * truth.max()


@pytest.mark.usefixtures("x64")
def test_without_diffusion_the_logistic_curve_is_exact():
    grid = Grid((3, 3, 3), 1.0)
    initial = jnp.linspace(0.01, 0.9, 27).reshape(grid.shape)
    grown = biomech.grow(initial, grid, biomech.FisherKPP(0.0, 0.03), [10.0, 200.0])
    for volume, day in zip(grown, (10.0, 200.0), strict=True):
        np.testing.assert_allclose(volume, expit(np.log(initial / (1 - initial)) + 0.03 * day), rtol=1e-12)


def box(seed: int = 0):
    """A small grid with a random medium, domain and start."""
    rng = np.random.default_rng(seed)
    grid = Grid((6, 7, 5), (1.0, 1.5, 2.0))
    maps = [jnp.asarray(rng.uniform(0.05, 0.3, grid.shape)) for _ in range(2)]
    return (
        grid,
        jnp.asarray(rng.uniform(0, 1, grid.shape)),
        biomech.FisherKPP(*maps),
        rng.uniform(size=grid.shape) > 0.2,
    )


@pytest.mark.usefixtures("x64")
def test_order_two_in_time():
    grid, initial, model, domain = box()
    final = lambda n: np.asarray(
        biomech.grow(initial, grid, model, [8.0], domain=domain, scheme=biomech.Strang(8.0 / n, stages=8))[0]
    )
    truth = final(1024)
    assert_order(lambda n: float(np.abs(final(n) - truth).max()), [8, 16, 32], 2.0)


def test_bounds_domain_and_monotone_growth():
    grid, initial, model, domain = box(1)
    grown = np.asarray(
        biomech.grow(initial.astype(jnp.float32), grid, model, [0.0, 5.0, 50.0, 500.0], domain=domain)
    )
    assert grown.min() >= 0
    assert grown.max() <= 1 + 1e-6
    assert not np.any(grown[:, ~domain])
    totals = grown.sum(axis=(1, 2, 3))
    assert np.all(np.diff(totals) > 0)
    np.testing.assert_allclose(grown[-1][domain & (grown[1] > 1e-3)], 1.0, atol=1e-3)


def test_days_do_not_depend_on_the_snapshots_asked_for():
    grid, initial, model, _ = box(2)
    scheme = biomech.Strang.stable(model, grid, time_step=0.5)
    alone = biomech.grow(initial, grid, model, [20.0], scheme=scheme)[0]
    among = biomech.grow(initial, grid, model, [10.0, 20.0], scheme=scheme)[1]
    np.testing.assert_allclose(
        alone, among, atol=2e-4
    )  # the steps between snapshots differ a little in length


@pytest.mark.usefixtures("x64")
def test_derivatives_in_everything():
    grid, initial, model, domain = box(3)
    scheme = biomech.Strang.stable(model, grid, time_step=1.0, domain=domain)

    def mass(p):
        fitted = biomech.FisherKPP(p["diffusivity"], p["rate"])
        grown = biomech.grow(p["initial"], grid, fitted, [3.0, 6.0], domain=domain, scheme=scheme)
        return jnp.sum(grown**2)

    here = {"initial": 0.1 + 0.8 * initial, "diffusivity": model.diffusivity, "rate": model.proliferation}
    assert_gradients(mass, here, dict.fromkeys(here, 1e-5), directions=3)


def fibres(shape) -> np.ndarray:
    """Tensors that conduct ten times as well along (1, 1, 0), mm²/day."""
    along = np.array([1.0, 1.0, 0.0]) / np.sqrt(2)
    return np.broadcast_to(0.02 * np.eye(3) + 0.18 * np.outer(along, along), (*shape, 3, 3))


@pytest.mark.usefixtures("x64")
def test_tensors_that_are_alike_in_all_directions_grow_as_a_number():
    grid, initial, _, domain = box(4)
    same = lambda d: biomech.grow(
        initial, grid, biomech.FisherKPP(d, 0.1), [10.0], domain=domain, scheme=biomech.Strang(0.5, stages=3)
    )
    np.testing.assert_allclose(
        same(0.2 * np.broadcast_to(np.eye(3), (*grid.shape, 3, 3))), same(0.2), rtol=1e-10
    )


def test_a_tumour_follows_the_fibres_and_stays_out_of_a_cavity():
    grid = Grid((15, 15, 9), 1.0)
    seed = biomech.seed_tumour(grid, (0.0, 0.0, 0.0), 2.0)
    model = biomech.FisherKPP(fibres(grid.shape), 0.05)
    cut = np.zeros(grid.shape)
    cut[9:12, 9:12] = 1.0
    grown = np.asarray(biomech.grow(seed, grid, model, [30.0, 60.0], (biomech.Resection(30.0, cut),)))
    assert grown[0, 10, 10, 4] > 3 * grown[0, 10, 4, 4]  # along the fibres, and across
    assert np.all(grown[0][cut > 0] > 0)
    assert not np.any(grown[1][cut > 0])
    assert grown.max() <= 1 + 1e-6


def test_traced_tensors_need_a_scheme_with_their_offsets():
    grid, initial, _, _ = box()
    tensors = fibres(grid.shape).astype(np.float32)
    scheme = biomech.Strang.stable(biomech.FisherKPP(tensors, 0.1), grid)
    cells = lambda scale, scheme: jnp.sum(
        biomech.grow(initial, grid, biomech.FisherKPP(scale * tensors, 0.1), [5.0], scheme=scheme)
    )
    assert np.isfinite(jax.jit(lambda scale: cells(scale, scheme))(0.9))
    with pytest.raises(InputError, match="being traced"):
        jax.jit(lambda scale: cells(scale, biomech.Strang(scheme.time_step, scheme.stages)))(0.9)


def test_a_traced_model_needs_a_scheme_and_says_so():
    grid, initial, _, _ = box()
    with pytest.raises(InputError, match=r"scheme = biomech.Strang.stable"):
        jax.jit(lambda d: biomech.grow(initial, grid, biomech.FisherKPP(d, 0.1), [1.0]))(0.1)


def test_unstable_schemes_are_refused_with_the_line_to_write():
    grid, initial, _, _ = box()
    with pytest.raises(InputError, match=r"write Strang\(time_step=30, stages="):
        biomech.grow(initial, grid, biomech.FisherKPP(1.0, 0.1), [60.0], scheme=biomech.Strang(30.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"days": [5.0, 1.0]}, "must ascend"),
        ({"days": []}, "must ascend"),
        ({"days": [-1.0]}, "must ascend"),
        ({"days": [np.nan]}, "NaN"),
        ({"initial": np.full((6, 7, 5), 1.5)}, "between 0 and 1"),
        ({"initial": np.full((6, 7, 5), np.nan)}, "NaN"),
        ({"initial": np.zeros((2, 2, 2))}, "must have shape"),
        ({"events": ("radiotherapy",)}, "must be a treatment"),
    ],
)
def test_bad_input(change, words):
    grid, initial, model, _ = box()
    arguments = {"initial": initial, "grid": grid, "model": model, "days": [1.0]} | change
    with pytest.raises(InputError, match=words):
        unchecked(biomech.grow)(**arguments)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((-1.0, 0.1), "diffusivity"),
        ((0.1, np.nan), "proliferation"),
        ((np.ones((2, 2)), 0.1), "number or a map"),
    ],
)
def test_bad_models(values, words):
    with pytest.raises(Exception, match=words):
        biomech.FisherKPP(*values)


def test_seed_is_half_its_peak_at_its_radius():
    grid = Grid((21, 21, 21), 1.0)
    seed = biomech.seed_tumour(grid, (2.0, 0.0, 0.0), radius=4.0, peak=0.6)
    assert float(seed[12, 10, 10]) == pytest.approx(0.6)
    assert float(seed[16, 10, 10]) == pytest.approx(0.3, rel=1e-6)
    with pytest.raises(InputError, match="outside the grid"):
        biomech.seed_tumour(grid, (200.0, 0.0, 0.0))
