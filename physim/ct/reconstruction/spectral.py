"""Two or more spectra: lengths or volumes of basis materials, and images as photons of one energy would make them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Tissue
from physim_phantoms._checks import InputError, require_finite, require_range

from ..readings import Readings
from ..source import ENERGIES
from .polychromatic import Beams, attenuations, beams, each_view, hardened_attenuations

_HIGHEST = jax.lax.Precision.HIGHEST
_STEPS = 10
_LONGEST = 1500.0  # mm that no path exceeds

Lengths = Float[Array, "material view row column"]
Images = Float[Array, "image x y z"]


def decompose(raws: Readings | Sequence[Readings], materials: Sequence[Tissue]) -> Lengths:
    """Path through each basis material along every ray, mm, that explains the readings of all channels and scans.

    Newton's method on the exact polychromatic model of every channel, Alvarez and Macovski, Phys. Med. Biol. 21 (1976)
    733; with more channels than materials least squares of the log signals, each counted by its number of photons, by
    Gauss and Newton. Differentiable in the readings and protocols, and to second order too (the steps themselves are).

    - `raws`: one scan with photon-counting bins, or several scans with one geometry and different protocols.

    Good values: `decompose((low, high), (TISSUES["water"], TISSUES["cortical_bone"]))` of 80 kV and 140 kV with 0.4 mm of tin.
    Raises `ValueError` for fewer channels than materials, scans whose shapes differ, and NaN.
    """
    scans = (raws,) if isinstance(raws, Readings) else tuple(raws)
    logs, channels = _logs(scans), [_channels(raw) for raw in scans]
    if sum(channels) < len(materials) or not len(materials):
        raise InputError(
            f"{len(materials)} materials are asked of {sum(channels)} channels; every material needs a channel: give "
            "fewer materials, another scan, or photon-counting bins"
        )
    return _decompose(scans, logs, tuple(materials))


def _channels(raw: Readings) -> int:
    return 1 if np.ndim(raw.signal) == 3 else np.shape(raw.signal)[0]


def _logs(scans: Sequence[Readings]) -> Float[Array, "channel view row column"]:
    shape = scans[0].geometry.sinogram_shape
    parts = []
    for number, raw in enumerate(scans):
        if np.shape(raw.signal)[-3:] != shape:
            raise InputError(
                f"scan {number} has shape {np.shape(raw.signal)[-3:]} and scan 0 {shape}; give scans of one geometry, or "
                "decompose images with decompose_images"
            )
        require_finite(f"the signal of scan {number}", raw.signal)
        parts.append(jnp.reshape(raw.log(), (-1, *shape)))
    return jnp.concatenate(parts)


@jax.jit
def _decompose(scans, logs, materials):
    functions = attenuations(materials)

    def view(views, log):
        counts = jnp.concatenate([jnp.sum(v.weights, axis=1) for v in views])

        def model(paths):
            made = [v.logs(functions, paths) for v in views]
            return jnp.concatenate([m[0] for m in made]), jnp.concatenate([m[1] for m in made])

        # How many photons a channel read weighs it; without noise any weights lead to the same place.
        weights = jax.lax.stop_gradient(counts.astype(log.dtype)[:, None, None] * jnp.exp(-log))
        paths = jnp.zeros((len(materials), *log.shape[1:]), log.dtype)

        @jax.checkpoint
        def step(paths, _):
            made, slopes = model(paths)
            change = _least_squares(slopes, weights, log - made)
            return jnp.clip(paths + change, -_LONGEST, _LONGEST), None

        return jax.lax.scan(step, paths, None, length=_STEPS)[0]

    made = each_view([beams(raw.protocol, raw.geometry) for raw in scans], view, jnp.moveaxis(logs, 0, 1))
    return jnp.moveaxis(made, 1, 0)


def _least_squares(slopes, weights, residual):
    """x of every pixel that minimises Σ_c w (Σ_k slopes x − residual)²; slopes "channel k …"."""
    count = slopes.shape[1]
    if slopes.shape[0] == count:
        return _solved([[slopes[i, j] for j in range(count)] for i in range(count)], list(residual))
    weighted = slopes * weights[:, None]
    left = [[jnp.sum(weighted[:, i] * slopes[:, j], 0) for j in range(count)] for i in range(count)]
    return _solved(left, [jnp.sum(weighted[:, i] * residual, 0) for i in range(count)])


def _solved(matrix: list, right: list):
    """Gauss's elimination written out, for every pixel at once: the matrices are tiny and there are millions."""
    size = len(right)
    for i in range(size):
        for j in range(i + 1, size):
            factor = matrix[j][i] / matrix[i][i]
            matrix[j] = [a - factor * b for a, b in zip(matrix[j], matrix[i], strict=True)]
            right[j] = right[j] - factor * right[i]
    for i in reversed(range(size)):
        known = sum((matrix[i][j] * right[j] for j in range(i + 1, size)), 0.0)
        right[i] = (right[i] - known) / matrix[i][i]
    return jnp.stack(right)


def decompose_images(
    images: Images, raws: Readings | Sequence[Readings], materials: Sequence[Tissue], *, behind: float = 150.0
) -> Images:
    """Volume of each basis material per volume, from one image in HU of every scan or channel; linear.

    HU are taken to be those of thin layers behind `behind` mm of water under each spectrum. Fast and free of geometry,
    but what hardens the beam stays in the images; `decompose` has no such error.

    Raises `ValueError` for fewer images than materials, a number of images that is not that of the channels, and NaN.
    """
    scans = (raws,) if isinstance(raws, Readings) else tuple(raws)
    require_finite("images", images)
    if images.shape[0] != sum(map(_channels, scans)) or images.shape[0] < len(materials):
        raise InputError(
            f"there are {images.shape[0]} images, {sum(map(_channels, scans))} channels and {len(materials)} materials; "
            "give one image for each channel and no more materials than images"
        )
    response = jnp.concatenate([_relative(beams(r.protocol, r.geometry), materials, behind) for r in scans])
    inverse = jnp.linalg.solve(response.T @ response, response.T)
    relative = jnp.asarray(images) / 1000 + 1
    return jnp.einsum("kc,cxyz->kxyz", inverse.astype(relative.dtype), relative, precision=_HIGHEST)


def _relative(scan: Beams, materials: Sequence[Tissue], behind: float) -> Float[Array, "channel k"]:
    water = TISSUES["water"]
    made = hardened_attenuations(scan, (water, *materials), attenuations((water,))[0], behind)
    return made[:, 1:] / made[:, :1]


def monoenergetic(
    volumes: Images, materials: Sequence[Tissue], energy: float | Float[Array, ""]
) -> Float[Array, "x y z"]:
    """The image in HU that photons of one energy, keV, would make of volumes of basis materials.

    `volumes` come from `decompose_images`, or from `decompose` and a method's `solve` on the lengths of each material.
    Good values: 50 keV for contrast medium, 70 keV as at 120 kV, 110 to 150 keV near metal.
    Raises `ValueError` outside 10 to 150 keV and where the numbers of volumes and materials differ.
    """
    require_range("energy", energy, float(ENERGIES[0]) - 0.5, float(ENERGIES[-1]) + 0.5, "keV")
    if np.shape(volumes)[0] != len(materials):
        raise InputError(
            f"there are {np.shape(volumes)[0]} volumes and {len(materials)} materials; give one of each"
        )
    at = jnp.asarray(energy, float)[None]
    worth = jnp.stack([t.attenuation(at)[0] for t in materials]) / TISSUES["water"].attenuation(at)[0]
    relative = jnp.einsum("k,kxyz->xyz", worth.astype(volumes.dtype), volumes, precision=_HIGHEST)
    return 1000 * (relative - 1)
