"""Treatments: closed forms without diffusion, an adaptive solver, conservation round a cavity, derivatives, refusals."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import expit, logit

from physim import biomech
from physim.biomech.schedule import spans_of
from physim_phantoms import Grid, InputError
from tests.helper import assert_gradients, assert_order, unchecked

CELL = Grid((2, 2, 2), 1.0)
STILL = biomech.FisherKPP(0.0, 0.0)


def one_cell(u0, rate, days, events, time_step=0.5):
    """The course of cells that do not spread."""
    model, initial = biomech.FisherKPP(0.0, rate), jnp.full(CELL.shape, u0)
    scheme = biomech.Strang(time_step)
    return np.asarray(biomech.grow(initial, CELL, model, days, events, scheme=scheme))[:, 0, 0, 0]


@pytest.mark.usefixtures("x64")
def test_fractions_between_logistic_growth_are_exact():
    days, dose, alpha, ratio, rate = (3.0, 4.0, 8.5), 2.5, 0.06, 8.0, 0.04
    survival = np.exp(-alpha * dose - alpha / ratio * dose**2)
    u, now, truth = 0.4, 0.0, []
    for day in (*days, 12.0):
        u = expit(logit(u) + rate * (day - now))
        truth.append(u)
        u, now = u * survival, day
    radiotherapy = biomech.Radiotherapy(days, dose, alpha, ratio)
    # A volume of the day of a fraction is that before it.
    np.testing.assert_allclose(one_cell(0.4, rate, [*days, 12.0], (radiotherapy,)), truth, rtol=1e-12)
    np.testing.assert_allclose(one_cell(0.4, rate, [12.0], (radiotherapy,))[0], truth[-1], rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_a_dose_of_a_drug_kills_its_share():
    drug = biomech.Chemotherapy((1.0, 2.0), sensitivity=0.7, dose=1.5, clearance=3.0)
    left = one_cell(0.5, 0.0, [1.0, 40.0], (drug,))
    np.testing.assert_allclose(left, [0.5, 0.5 * np.exp(-2 * 0.7 * 1.5 / 3.0)], rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_growth_under_a_drug_is_the_ode_with_order_two():
    doses, s, clearance, rate = np.array([0.0, 2.0]), 0.5, 0.6, 0.2

    def slope(t, u):
        concentration = np.exp(-clearance * (t - doses))[t >= doses].sum()
        return rate * u * (1 - u) - s * concentration * u

    u = np.array([0.3])
    for begin, end in ((0.0, 2.0), (2.0, 6.0)):
        inside = (begin + 1e-12, end - 1e-12)
        u = solve_ivp(slope, inside, u, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
    drug = biomech.Chemotherapy(doses, s, clearance=clearance)
    error = lambda n: abs(one_cell(0.3, rate, [6.0], (drug,), 6.0 / n)[0] - u[0])
    assert_order(error, [36, 64, 144], 2.0)
    assert error(900) < 1e-6


@pytest.mark.usefixtures("x64")
def test_nothing_comes_into_a_cavity_and_nothing_is_lost_round_it():
    grid = Grid((12, 10, 9), (1.0, 1.2, 1.5))
    initial = jnp.asarray(np.random.default_rng(0).uniform(0.1, 0.9, grid.shape))
    region = np.sum((np.asarray(grid.centres()) - np.array([1.0, 0.0, 0.0])) ** 2, axis=-1) < 9.0
    model = biomech.FisherKPP(0.3, 0.0)
    before, after = biomech.grow(initial, grid, model, [5.0, 300.0], (biomech.Resection(5.0, region),))
    assert float(jnp.sum(before)) == pytest.approx(float(jnp.sum(initial)), rel=1e-12)
    assert not np.any(np.asarray(after)[region])
    assert float(jnp.sum(after)) == pytest.approx(float(jnp.sum(before[~region])), rel=1e-12)
    assert np.ptp(np.asarray(after)[~region]) < 0.01  # spread evenly over what is left


def treatments():
    return (
        biomech.Resection(2.0, (np.arange(6 * 7 * 5).reshape(6, 7, 5) % 5 == 0) * 0.6),
        biomech.Radiotherapy((3.0, 4.0, 5.0), dose=np.full((6, 7, 5), 2.0)),
        biomech.Chemotherapy((1.0, 3.0), sensitivity=0.5, clearance=2.0),
    )


def small():
    rng = np.random.default_rng(3)
    grid = Grid((6, 7, 5), (1.0, 1.5, 2.0))
    return grid, {
        "initial": rng.uniform(0.1, 0.9, grid.shape),
        "diffusivity": rng.uniform(0.05, 0.3, grid.shape),
        "rate": np.asarray(0.08),
    }


@pytest.mark.usefixtures("x64")
def test_derivatives_through_all_treatments():
    grid, arguments = small()
    scheme = biomech.Strang(0.7, stages=3)
    cut, rays, _ = treatments()
    arguments |= {
        "region": cut.region,
        "dose": rays.dose,
        "alpha": np.asarray(0.05),
        "alpha_beta": np.asarray(9.0),
        "sensitivity": np.asarray(0.5),
        "full": np.asarray(1.2),
        "clearance": np.asarray(2.0),
    }

    def mass(p):
        events = (
            biomech.Resection(2.0, p["region"]),
            biomech.Radiotherapy((3.0, 4.0, 5.0), p["dose"], p["alpha"], p["alpha_beta"]),
            biomech.Chemotherapy((1.0, 3.0), p["sensitivity"], p["full"], p["clearance"]),
        )
        model = biomech.FisherKPP(p["diffusivity"], p["rate"])
        return jnp.sum(biomech.grow(p["initial"], grid, model, [2.5, 7.0], events, scheme=scheme) ** 2)

    here = {name: jnp.asarray(value) for name, value in arguments.items()}
    assert_gradients(mass, here, dict.fromkeys(here, 1e-5))


def test_the_order_in_which_events_are_named_does_not_matter():
    grid, start = small()
    model = biomech.FisherKPP(start["diffusivity"].astype(np.float32), 0.08)
    run = lambda events: biomech.grow(start["initial"].astype(np.float32), grid, model, [7.0], events)
    np.testing.assert_allclose(run(treatments()), run(treatments()[::-1]), rtol=1e-6)


def test_a_treated_tumour_shrinks_and_comes_back():
    grid = Grid((24, 24, 24), 2.0)
    seed = biomech.seed_tumour(grid, (0.0, 0.0, 0.0), 8.0)
    model = biomech.FisherKPP(0.13, 0.03)
    days = [0.0, 30.0, 75.0, 300.0]
    course = biomech.Radiotherapy.fractionated(start=30.0, alpha=0.08)
    treated = np.asarray(biomech.grow(seed, grid, model, days, (course,))).sum(axis=(1, 2, 3))
    alone = np.asarray(biomech.grow(seed, grid, model, days)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(treated[:2], alone[:2], rtol=1e-5)
    assert treated[2] < 0.25 * treated[1]
    assert treated[2] < treated[3] < alone[3]


def test_thirty_fractions_are_given_on_weekdays():
    days = biomech.Radiotherapy.fractionated(start=2.0).days
    assert len(days) == 30
    assert days[:7] == (2.0, 3.0, 4.0, 5.0, 6.0, 9.0, 10.0)
    assert days[-1] == 2.0 + 5 * 7 + 4


def test_steps_end_where_something_happens():
    rays = biomech.Radiotherapy((1.3, 2.0, 9.0), 2.0)
    cut = biomech.Resection(4.0, np.ones((2, 2, 2)))
    spans = spans_of([0.0, 2.0, 8.0], (rays, cut), 1.0)
    assert [span.picture for span in spans] == [True, True, False, True]
    assert [span.resections for span in spans] == [(), (), (), (1,)]
    starts = np.concatenate([span.start for span in spans])
    stops = np.concatenate([span.stop for span in spans])
    np.testing.assert_allclose(starts[1:], stops[:-1])
    assert (stops - starts).max() <= 1.0 + 1e-9
    given = np.concatenate([span.fractions[0] for span in spans])
    np.testing.assert_allclose(starts[given], [1.3, 2.0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: biomech.Radiotherapy((3.0, 2.0)), "must ascend"),
        (lambda: biomech.Radiotherapy((3.0,), dose=-1.0), "between 0 and 100 Gy"),
        (lambda: biomech.Radiotherapy((3.0,), alpha=5.0), "between 0 and 2 1/Gy"),
        (lambda: biomech.Radiotherapy.fractionated(0.0, weekly=9), "on 1 to 7 days"),
        (lambda: biomech.Chemotherapy((3.0,), clearance=0.0), "clearance"),
        (lambda: biomech.Chemotherapy((np.nan,)), "NaN"),
        (lambda: biomech.Resection(-1.0, np.ones((2, 2, 2))), "must ascend"),
        (lambda: biomech.Resection(1.0, np.full((2, 2, 2), 2.0)), "between 0 and 1"),
    ],
)
def test_absurd_treatments_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (biomech.Radiotherapy((1.0,), dose=np.ones((3, 3, 3))), "dose of event 0"),
        (biomech.Resection(1.0, np.ones((3, 3, 3))), "region of event 0"),
        (biomech.Resection(1.0, np.zeros((2, 2, 2))), "touches nothing"),
    ],
)
def test_maps_on_another_grid_and_empty_regions_are_refused(event, words):
    with pytest.raises(InputError, match=words):
        unchecked(biomech.grow)(np.full((2, 2, 2), 0.5), CELL, STILL, [3.0], (event,))
