"""Diffusion by tensors: an exact decomposition, a Gaussian that widens along its fibres, mass, bounds, derivatives."""

import jax.numpy as jnp
import numpy as np
import pytest

from physim.core.diffusion import diffuse, face_coefficients
from physim.core.selling import decompose
from physim.core.tensor_diffusion import diffuse_by_tensors, offsets_of, tensor_faces
from physim_phantoms import Grid, InputError
from tests.helper import assert_adjoint, assert_gradients, assert_order, assert_same, unchecked


def turned(values, count: int, seed: int = 0) -> np.ndarray:
    """Tensors of these eigenvalues, turned anyhow."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((count, 3, 3)))
    return np.einsum("nij,j,nkj->nik", axes, values, axes)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("ratio", [1.0, 3.0, 10.0, 50.0, 1000.0])
def test_squares_along_whole_vectors_add_up_to_the_tensor(ratio):
    tensors = turned((1.0, 0.7 / ratio + 0.3 / ratio, 1.0 / ratio), 500)
    vectors, weights = (np.asarray(one) for one in decompose(jnp.asarray(tensors)))
    assert weights.min() >= 0
    again = np.einsum("nk,nki,nkj->nij", weights, vectors.astype(float), vectors.astype(float))
    # Products that count as rounding are left out: 1e-6 of the trace.
    assert np.abs(again - tensors).max() < (1e-12 if ratio < 40 else 1e-5 if ratio < 100 else 2e-4)


def everywhere(tensor, shape):
    return jnp.broadcast_to(jnp.asarray(tensor), (*shape, 3, 3))


@pytest.mark.usefixtures("x64")
def test_a_gaussian_widens_by_the_tensor_with_order_two():
    """Covariance Σ + 2 D t, cross terms included."""
    tensor, start, time = turned((0.9, 0.3, 0.2), 1, seed=4)[0], 4.0, 4.0
    gauss = lambda x, cov: (
        np.exp(-np.einsum("...i,ij,...j", x, np.linalg.inv(cov), x) / 2) / np.sqrt(np.linalg.det(cov))
    )

    def error(spacing):
        grid = Grid((round(28 / spacing),) * 3, spacing)
        x = np.asarray(grid.centres())
        faces = tensor_faces(everywhere(tensor, grid.shape), grid.spacing)
        steps = int(np.ceil(2.0 * time * float(faces.outflow().max())))
        found = diffuse_by_tensors(gauss(x, start * np.eye(3)), faces, time / steps, steps)
        return np.abs(found - gauss(x, start * np.eye(3) + 2 * tensor * time)).max()

    assert_order(lambda cells: error(28 / cells), [14, 20, 28], 2.0)


def medium(seed: int = 0):
    """Fibres that turn from voxel to voxel on a grid that is not even, and holes."""
    rng = np.random.default_rng(seed)
    shape, spacing = (7, 6, 8), np.array([1.0, 1.3, 1.7])
    tensors = turned((0.6, 0.1, 0.08), 7 * 6 * 8, seed).reshape(*shape, 3, 3)
    return tensors, spacing, rng.uniform(size=shape) > 0.2, rng


@pytest.mark.usefixtures("x64")
def test_symmetric_conservative_bounded_and_shut():
    tensors, spacing, domain, rng = medium()
    faces = tensor_faces(tensors, spacing, domain)
    assert float(faces.coefficients.min()) >= 0
    dt = 0.99 / float(faces.outflow().max())
    step = lambda u: diffuse_by_tensors(u, faces, dt)
    u, v = rng.standard_normal((2, *domain.shape))
    assert_adjoint(step, step, u, v, 1e-13)
    assert float(jnp.sum(step(u))) == pytest.approx(u.sum(), rel=1e-12)
    np.testing.assert_array_equal(np.asarray(step(u))[~domain], u[~domain])
    binary = (rng.uniform(size=domain.shape) > 0.5).astype(float)
    after = np.asarray(diffuse_by_tensors(binary, faces, dt, 50))
    assert after.min() >= 0
    assert after.max() <= 1 + 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("x64")
def test_tensors_alike_in_all_directions_are_the_scalar_scheme(dtype):
    rng = np.random.default_rng(2)
    shape, spacing = (5, 6, 7), (1.0, 1.5, 2.0)
    scalar = rng.uniform(0.1, 1.0, shape).astype(dtype)
    u = rng.uniform(size=shape).astype(dtype)
    tensors = scalar[..., None, None] * np.eye(3, dtype=dtype)
    faces = tensor_faces(tensors, spacing)
    assert set(faces.offsets) == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    assert_same(
        diffuse_by_tensors(u, faces, 0.1),
        diffuse(u, face_coefficients(scalar, spacing), 0.1),
        1e-6 if dtype == np.float32 else 1e-13,
    )


@pytest.mark.usefixtures("x64")
def test_derivatives_in_tensors_and_start():
    tensors, spacing, domain, rng = medium(1)
    offsets = offsets_of(tensors, spacing)
    weights = rng.standard_normal(domain.shape)

    def number(p):
        # A random change is not symmetric, and only the symmetric part is a tensor.
        whole = (p["tensors"] + jnp.swapaxes(p["tensors"], -1, -2)) / 2
        return jnp.sum(
            weights * diffuse_by_tensors(p["u"], tensor_faces(whole, spacing, domain, offsets), 0.2, 3) ** 2
        )

    here = {"tensors": jnp.asarray(tensors), "u": jnp.asarray(rng.uniform(size=domain.shape))}
    # Steps so small that hardly a tensor passes to another set of offsets, where the derivative jumps.
    assert_gradients(number, here, {"tensors": 1e-6, "u": 1e-5})


@pytest.mark.usefixtures("x64")
def test_a_tensor_beyond_the_offsets_given_makes_nan():
    tensors, spacing, domain, _ = medium()
    few = offsets_of(np.broadcast_to(np.eye(3), tensors.shape), spacing)
    assert np.isnan(np.asarray(tensor_faces(tensors, spacing, domain, few).coefficients)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.__setitem__((2, 1, 3, 0, 1), 0.3), r"voxel \(2, 1, 3\) is not symmetric"),
        (lambda d: d.__setitem__((2, 1, 3), -np.eye(3)), r"voxel \(2, 1, 3\) has a negative eigenvalue"),
        (lambda d: d.__setitem__((0, 0, 0), np.nan), "NaN"),
        (
            lambda d: d.__setitem__((1, 1, 1), turned((1.0, 1e-7, 1e-7), 1)[0]),
            r"voxel \(1, 1, 1\) .* too far apart",
        ),
    ],
)
def test_what_is_no_tensor_is_refused(change, words):
    tensors, spacing, _, _ = medium()
    change(tensors)
    with pytest.raises(InputError, match=words):
        unchecked(tensor_faces)(tensors, spacing)
