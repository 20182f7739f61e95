"""Packing: the largest components are kept, fractions sum to one, lookups and their transposes are exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim_phantoms import mixture
from tests.helper import assert_adjoint, assert_gradient

SHAPE = (3, 2, 2)


def draw_maps(seed, tissues, zeros):
    """Dense fractions that fill at most the voxel; some exactly zero, drawn without ties."""
    rng = np.random.default_rng(seed)
    maps = rng.dirichlet(np.ones(tissues + 1), SHAPE)[..., :-1]
    maps = np.where(rng.random(maps.shape) < zeros, 0, maps)
    return [maps[..., n].astype(np.float32) for n in range(tissues)]


def dense(ids, fractions, tissues):
    """The packed mixture as one dense map per tissue, in NumPy."""
    ids, fractions = np.asarray(ids), np.asarray(fractions, np.float64)
    parts = np.concatenate([1 - fractions.sum(axis=0, keepdims=True), fractions])
    return np.stack([(parts * (ids == n)).sum(axis=0) for n in range(tissues)])


mixtures = st.tuples(
    st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 4), st.sampled_from([0.0, 0.3, 0.9])
)


@settings(max_examples=60, deadline=None)
@given(mixtures)
def test_the_largest_components_are_kept_in_proportion(drawn):
    seed, tissues, components, zeros = drawn
    maps = draw_maps(seed, tissues, zeros)
    ids, fractions = mixture.pack([jnp.asarray(m) for m in maps], jnp.uint8(tissues), components)
    assert ids.shape == (components, *SHAPE)
    full = np.stack([*maps, np.maximum(1 - np.sum(maps, axis=0), 0)]).astype(np.float64)
    smallest_kept = np.sort(full, axis=0)[::-1][min(components, tissues + 1) - 1]
    kept = np.where(full >= smallest_kept, full, 0)
    np.testing.assert_allclose(dense(ids, fractions, tissues + 1), kept / kept.sum(axis=0), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(mixtures)
def test_fractions_sum_to_one_and_stand_in_order(drawn):
    seed, tissues, components, zeros = drawn
    maps = [jnp.asarray(m) for m in draw_maps(seed, tissues, zeros)]
    ids, fractions = mixture.pack(maps, jnp.uint8(tissues), components)
    parts = np.concatenate([1 - np.asarray(fractions).sum(axis=0, keepdims=True), fractions])
    assert np.all(parts >= -1e-6)
    assert np.all(np.diff(parts, axis=0) <= 1e-6)
    assert np.all(np.asarray(ids) <= tissues)
    total = sum(np.asarray(mixture.fraction_of(ids, fractions, jnp.uint8(n))) for n in range(tissues + 1))
    np.testing.assert_allclose(total, 1, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(mixtures)
def test_mix_is_the_dense_sum(drawn):
    seed, tissues, components, zeros = drawn
    maps = [jnp.asarray(m) for m in draw_maps(seed, tissues, zeros)]
    ids, fractions = mixture.pack(maps, jnp.uint8(tissues), components)
    values = np.random.default_rng(seed).standard_normal(tissues + 1).astype(np.float32)
    expected = np.einsum("t,txyz->xyz", values, dense(ids, fractions, tissues + 1))
    np.testing.assert_allclose(mixture.mix(ids, fractions, jnp.asarray(values)), expected, atol=2e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 5))
def test_repacking_merges_components_of_one_tissue(seed, components, layers):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 3, (layers, *SHAPE)).astype(np.uint8)
    fractions = rng.dirichlet(np.ones(layers), SHAPE).transpose(3, 0, 1, 2)[1:].astype(np.float32)
    before = dense(ids, fractions, 3)
    smallest_kept = np.sort(before, axis=0)[::-1][min(components, 3) - 1]
    kept = np.where(before >= smallest_kept, before, 0)
    after = dense(*mixture.repack(jnp.asarray(ids), jnp.asarray(fractions), components), 3)
    np.testing.assert_allclose(after, kept / kept.sum(axis=0), atol=1e-5)
    dominant = np.asarray(mixture.dominant(jnp.asarray(ids), jnp.asarray(fractions)))
    chosen = np.take_along_axis(before, dominant[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(chosen, before.max(axis=0), atol=1e-6)


def test_dominant_adds_up_components_of_one_tissue():
    ids = jnp.asarray([0, 1, 1], jnp.uint8).reshape(3, 1, 1, 1)
    fractions = jnp.asarray([0.3, 0.3]).reshape(2, 1, 1, 1)
    assert mixture.dominant(ids, fractions).item() == 1  # 0.4 of tissue 0 against 0.6 of tissue 1


def test_lookup_has_the_transpose_of_a_table(key):
    ids = jax.random.randint(key, SHAPE, 0, 4).astype(jnp.uint8)
    values, weights = jax.random.normal(key, (4,)), jax.random.normal(key, SHAPE)
    np.testing.assert_array_equal(mixture.lookup(ids, values), np.asarray(values)[np.asarray(ids)])
    transpose = jax.linear_transpose(lambda v: mixture.lookup(ids, v), values)
    assert_adjoint(lambda v: mixture.lookup(ids, v), lambda y: transpose(y)[0], values, weights, 1e-6)
    assert "scatter" not in str(jax.make_jaxpr(transpose)(weights))


def test_unused_values_do_not_leak():
    ids = jnp.zeros((1, 2, 2, 2), jnp.uint8)
    values = jnp.array([3.0, jnp.nan, jnp.inf])
    np.testing.assert_array_equal(mixture.mix(ids, jnp.zeros((0, 2, 2, 2)), values), 3.0)


def test_derivatives_through_packing(x64):
    maps = [jnp.asarray(m, jnp.float64) for m in draw_maps(5, 3, 0.0)]
    values = jnp.array([1.0, -2.0, 3.0, 0.5])

    def mean(stacked):
        return jnp.mean(mixture.mix(*mixture.pack(list(stacked), jnp.uint8(3), 3), values) ** 2)

    assert_gradient(mean, jnp.stack(maps), tolerance=1e-5, step=1e-7)


def test_vmap_packs_each_alone(key):
    maps = jax.random.uniform(key, (5, 2, *SHAPE)) / 2
    pack = lambda both: mixture.pack([both[0], both[1]], jnp.uint8(2), 2)
    ids, fractions = jax.vmap(pack)(maps)
    for number in range(5):
        one_ids, one_fractions = pack(maps[number])
        np.testing.assert_array_equal(ids[number], one_ids)
        np.testing.assert_allclose(fractions[number], one_fractions, rtol=1e-6)


@pytest.mark.parametrize("components", [1, 2, 3])
def test_an_exactly_full_voxel_has_no_background(components):
    maps = [jnp.full(SHAPE, 1.0), jnp.zeros(SHAPE)]
    ids, fractions = mixture.pack(maps, jnp.uint8(2), components)
    assert np.all(np.asarray(ids) == 0)
    assert np.all(np.asarray(fractions) == 0)
