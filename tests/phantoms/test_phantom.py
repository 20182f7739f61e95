"""The digital patient: fractions in and out, maps, attenuation, gradients, memory, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim_phantoms import TISSUES, Grid, InputError, Phantom, Tissue
from tests.helper import assert_gradient, unchecked

GRID = Grid((4, 3, 2), (1.0, 2.0, 0.5))
BRAIN = ("grey_matter", "white_matter", "csf")
from_fractions = lambda *arguments, **options: unchecked(Phantom.from_fractions.__func__)(
    Phantom, *arguments, **options
)


def dirichlet(seed, tissues, dtype=np.float32):
    """Fraction maps that leave some of each voxel to the background."""
    parts = np.random.default_rng(seed).dirichlet(np.ones(tissues + 1), GRID.shape)
    return [parts[..., n].astype(dtype) for n in range(tissues)]


def brain(seed=0, dtype=np.float32, components=3):
    return Phantom.from_fractions(GRID, dict(zip(BRAIN, dirichlet(seed, 3, dtype), strict=True)), components)


def test_fractions_come_back():
    maps = dirichlet(1, 2)
    patient = Phantom.from_fractions(GRID, {"liver": maps[0], "blood": maps[1]})
    np.testing.assert_allclose(patient.fraction("liver"), maps[0], atol=1e-6)
    np.testing.assert_allclose(patient.fraction("blood"), maps[1], atol=1e-6)
    np.testing.assert_allclose(patient.fraction("air"), 1 - maps[0] - maps[1], atol=1e-6)
    assert patient.names == ("liver", "blood", "air")
    assert patient.label_names == {0: "liver", 1: "blood", 2: "air"}


def test_the_background_may_be_one_of_the_tissues():
    maps = dirichlet(2, 2)
    patient = Phantom.from_fractions(GRID, {"csf": maps[0], "blood": maps[1]}, background="csf", components=2)
    assert patient.names == ("csf", "blood")
    np.testing.assert_allclose(patient.fraction("csf"), 1 - maps[1], atol=1e-6)


def test_volumes_are_conserved():
    patient = brain()
    total = sum(float(patient.volume(name)) for name in patient.names)
    assert total == pytest.approx(GRID.size * GRID.voxel_volume, rel=1e-6)
    assert float(patient.volume("csf")) == pytest.approx(float(np.sum(patient.fraction("csf"))), rel=1e-6)


def test_labels_name_the_largest_fraction():
    patient = brain(3)
    fractions = np.stack([patient.fraction(name) for name in patient.names])
    chosen = np.take_along_axis(fractions, np.asarray(patient.labels)[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(chosen, fractions.max(axis=0), atol=1e-6)


def test_at_most_twelve_bytes_a_voxel():
    assert brain().bytes_per_voxel == 11
    grid = Grid((256, 256, 256))
    one = jax.ShapeDtypeStruct(grid.shape, jnp.float32)
    build = lambda *maps: Phantom.from_fractions(grid, dict(zip(BRAIN, maps, strict=True)))
    patient = jax.eval_shape(build, one, one, one)
    total = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(patient))
    assert patient.ids.shape == (3, 256, 256, 256)
    assert total <= 12 * grid.size


@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_memory_follows_the_components(components):
    assert brain(components=components).bytes_per_voxel == components + 4 * (components - 1)


@pytest.mark.parametrize("name", ["density", "proton_density", "susceptibility", "youngs_modulus"])
def test_maps_mix_by_volume(name):
    patient = brain(4)
    expected = sum(np.asarray(patient.fraction(n)) * float(TISSUES[n].value(name)) for n in patient.names)
    np.testing.assert_allclose(patient.map(name), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["t1", "t2", "t2_star"])
@pytest.mark.parametrize("field", [0.55, 3.0])
def test_relaxation_maps_average_rates_of_protons(name, field):
    patient = brain(5)
    protons = {n: np.asarray(patient.fraction(n)) * float(TISSUES[n].proton_density) for n in patient.names}
    rate = sum(part / float(TISSUES[n].value(name, field)) for n, part in protons.items())
    np.testing.assert_allclose(patient.map(name, field), sum(protons.values()) / rate, rtol=2e-5)


def test_relaxation_maps_are_zero_where_nothing_has_protons():
    patient = Phantom.from_fractions(GRID, {"titanium": np.full(GRID.shape, 0.5, np.float32)})
    for name in ("t1", "t2", "t2_star"):
        assert np.all(np.asarray(patient.map(name)) == 0)
    loss = lambda t1: jnp.sum(eqx.tree_at(lambda p: p.tissues[0].t1, patient, t1).map("t1"))
    assert np.all(np.asarray(jax.grad(loss)(jnp.ones(3))) == 0)


def test_attenuation_mixes_by_volume():
    patient, energies = brain(6), [40.0, 80.0]
    expected = sum(
        np.asarray(patient.fraction(n))[None]
        * np.asarray(TISSUES[n].attenuation(energies))[:, None, None, None]
        for n in patient.names
    )
    np.testing.assert_allclose(patient.attenuation(energies), expected, rtol=1e-4, atol=1e-9)
    assert patient.attenuation(60.0).shape == (1, *GRID.shape)


def test_mix_takes_complex_values():
    patient = brain(7)
    values = np.exp(1j * np.arange(4))
    expected = sum(np.asarray(patient.fraction(n)) * values[i] for i, n in enumerate(patient.names))
    np.testing.assert_allclose(patient.mix(values.astype(np.complex64)), expected, atol=1e-6)


def test_a_patient_inside_and_outside_jit():
    patient = brain(8)
    expected = patient.map("t1", 2.0)
    np.testing.assert_allclose(jax.jit(lambda: patient.map("t1", 2.0))(), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(lambda p: p.map("t1", 2.0))(patient), expected, rtol=1e-5)
    np.testing.assert_allclose(
        jax.jit(lambda p, e: p.attenuation(e))(patient, 60.0), patient.attenuation(60.0), rtol=1e-5
    )


def test_changed_values_do_not_recompile():
    traces = []

    @jax.jit
    def mean(patient):
        traces.append(1)
        return jnp.mean(patient.map("density"))

    first = brain(9)
    denser = eqx.tree_at(lambda p: p.tissues[0].density, first, np.asarray(2.0))
    assert mean(first) != mean(denser)
    assert len(traces) == 1


@pytest.mark.parametrize("name", ["t1", "density"])
def test_derivatives_in_tissue_values(name, x64):
    patient = brain(10, np.float64)
    start = jnp.asarray(getattr(patient.tissues[1], name))

    def mean(value):
        changed = eqx.tree_at(lambda p: getattr(p.tissues[1], name), patient, value)
        return jnp.mean(changed.map(name, 2.0))

    assert_gradient(jax.jit(mean), start)


def test_derivatives_in_fractions(x64):
    maps = jnp.asarray(np.stack(dirichlet(11, 2, np.float64)))

    def loss(stacked):
        patient = Phantom.from_fractions(GRID, {"liver": stacked[0], "blood": stacked[1]})
        return jnp.mean(patient.map("t2") ** 2) + jnp.mean(patient.attenuation(60.0) ** 2)

    assert_gradient(jax.jit(loss), maps, tolerance=1e-5, step=1e-7)


def test_derivatives_in_a_new_tissues_amount(x64):
    patient = brain(12, np.float64)
    weights = np.random.default_rng(0).standard_normal(GRID.shape)
    loss = lambda amount: jnp.sum(weights * patient.with_tissue("oedema", amount).map("density") ** 2)
    assert_gradient(jax.jit(loss), jnp.full(GRID.shape, 0.2))
    # The slope is there before the tissue is: no dead start for an optimiser.
    assert np.all(np.asarray(jax.grad(loss)(jnp.zeros(GRID.shape))) != 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["enhancing_tumour", "csf"]))
def test_a_new_tissue_displaces_the_others_in_proportion(seed, name):
    patient = brain(seed)
    amount = np.random.default_rng(seed).random(GRID.shape).astype(np.float32)
    after = patient.with_tissue(name, amount)
    before = lambda n: np.asarray(patient.fraction(n)) if n in patient.names else 0
    for other in after.names:
        expected = before(other) * (1 - amount) + amount * (other == name)
        np.testing.assert_allclose(after.fraction(other), expected, atol=2e-6)
    assert after.bytes_per_voxel == patient.bytes_per_voxel + 5
    np.testing.assert_allclose(sum(np.asarray(after.fraction(n)) for n in after.names), 1, atol=1e-5)


def test_packing_brings_a_patient_back_to_few_components():
    patient = brain(13).with_tissue("csf", np.full(GRID.shape, 0.5, np.float32))
    packed = patient.packed(4)
    for name in patient.names:
        np.testing.assert_allclose(packed.fraction(name), patient.fraction(name), atol=1e-6)
    assert patient.packed().bytes_per_voxel == 11
    total = sum(np.asarray(patient.packed(2).fraction(n)) for n in patient.names)
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_own_tissues_are_welcome():
    gel = Tissue("gel", 1.01, {"H": 0.11, "O": 0.89}, proton_density=0.9, t1=1.2, t2=0.1)
    patient = Phantom.from_fractions(GRID, {gel: np.ones(GRID.shape, np.float32)}, background="water")
    assert patient.names == ("gel", "water")
    np.testing.assert_allclose(patient.map("t1"), 1.2, rtol=1e-6)


def test_masks_are_fractions_too():
    mask = np.zeros(GRID.shape, bool)
    mask[0] = True
    patient = Phantom.from_fractions(GRID, {"liver": mask.astype(np.uint8)})
    np.testing.assert_array_equal(np.asarray(patient.labels) == patient.index("liver"), mask)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_precision_follows_the_maps(precision, x64):
    patient = brain(0, precision)
    assert patient.map("t1").dtype == precision
    assert patient.attenuation(60.0).dtype == precision
    assert patient.mix([1.0, 2.0, 3.0, 4.0]).dtype == precision


def test_packing_is_deterministic():
    first, second = brain(14), brain(14)
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.fractions, second.fractions)


ONES = np.ones(GRID.shape, np.float32)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({}, "no fraction map"),
        ({"livr": ONES}, "did you mean 'liver'"),
        ({"liver": ONES[:2]}, r"must have shape \(4, 3, 2\)"),
        ({"liver": np.where(np.arange(24).reshape(GRID.shape) == 7, np.nan, 0.5)}, "1 NaN or infinite"),
        ({"liver": -0.1 * ONES}, "between 0 and 1"),
        ({"liver": 0.7 * ONES, "blood": 0.7 * ONES}, "sum to 1.4 at voxel"),
        ({"liver": 0.5 * ONES, TISSUES["liver"].replace(density=1.0): 0.5 * ONES}, "given twice"),
    ],
)
def test_maps_that_are_no_fractions_are_refused(maps, message):
    with pytest.raises(InputError, match=message):
        from_fractions(GRID, maps)


@pytest.mark.parametrize("components", [0, 9, -1])
def test_impossible_numbers_of_components_are_refused(components):
    with pytest.raises(InputError, match="between 1 and 8"):
        brain(components=components)
    with pytest.raises(InputError, match="between 1 and 8"):
        brain().packed(components)


@pytest.mark.parametrize("amount", [1.5, -0.5, np.nan])
def test_impossible_amounts_are_refused(amount):
    with pytest.raises(InputError):
        brain().with_tissue("oedema", amount * ONES)


def test_absent_tissues_get_the_nearest_name():
    with pytest.raises(InputError, match="did you mean 'grey_matter'"):
        brain().fraction("gray_matter")
    with pytest.raises(InputError, match="did you mean"):
        brain().map("T1")


def test_wrong_numbers_of_values_are_refused():
    with pytest.raises(InputError, match="one number per tissue is needed: 4"):
        brain().mix(np.ones(3))


def test_arrays_that_do_not_fit_the_grid_are_refused():
    patient = brain()
    with pytest.raises(InputError, match="ids has shape"):
        Phantom(Grid((4, 3, 5)), patient.tissues, patient.ids, patient.fractions)
