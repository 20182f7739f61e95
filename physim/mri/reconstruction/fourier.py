"""The unitary Fourier transform between coil images and k-space, with the house's signs and centring.

Samples are divided by voxel volume and √N, so that images keep their own units, noise keeps its standard deviation, and
the transform's adjoint is its inverse. Regularisation weights are then in the units of the image.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms import Grid

from ..encode import decode, encode


def fourier(images: Complex[Array, "coil x y z"]) -> Complex[Array, "coil kx ky kz"]:
    """Unitary transform of every coil's image."""
    x, y, z = shape = images.shape[1:]
    return jax.vmap(lambda image: encode(image, Grid(shape), (x, y, z)))(images) / math.sqrt(math.prod(shape))


def inverse_fourier(samples: Complex[Array, "coil kx ky kz"]) -> Complex[Array, "coil x y z"]:
    """The inverse, and the adjoint, of `fourier`."""
    x, y, z = shape = samples.shape[1:]
    return jax.vmap(lambda one: decode(one, Grid(shape), (x, y, z)))(samples) * math.sqrt(math.prod(shape))


def normalised(samples: Complex[Array, "..."], grid: Grid) -> Complex[Array, "..."]:
    """Samples in signal times mm³ as the unitary transform of an image in signal units would have them."""
    scale = jnp.asarray(grid.voxel_volume, real_type(samples)) * math.sqrt(grid.size)
    return jnp.asarray(samples) / scale


def coil_images(samples: Complex[Array, "coil kx ky kz"], grid: Grid) -> Complex[Array, "coil x y z"]:
    """The image of every coil; zeros stand where nothing was acquired."""
    return inverse_fourier(normalised(samples, grid))


def real_type(array):
    """The real precision of an array."""
    return jnp.finfo(jnp.asarray(array).dtype).dtype


def square_norm(array: Complex[Array, "..."] | Float[Array, "..."]) -> Float[Array, "..."]:
    """|z|², without the square root whose derivative fails at zero."""
    return array.real**2 + array.imag**2
