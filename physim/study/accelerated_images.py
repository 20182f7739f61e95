"""What raw data become: the fully sampled image, zero filling, a parallel imaging method, and how far they are off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from physim.mri import reconstruction as methods

from .accelerated_scan import Acquisition
from .case_files import digitised
from .recipe_accelerated import AcceleratedMriRecipe

_TITLES = {
    "sense": "SENSE",
    "grappa": "GRAPPA",
    "iterative-sense": "CG-SENSE",
    "compressed-sensing": "COMPRESSED SENSING",
}


def title_of(method: str) -> str:
    """A method's name on a page."""
    return _TITLES[method]


def reconstruct_all(recipe: AcceleratedMriRecipe, scan: Acquisition) -> dict[str, Float[np.ndarray, "x y z"]]:
    """Magnitudes on the acquired grid, by the true sensitivities: all of them estimate the noise-free signal.

    Unfolding and iterating methods are told where the head is: their sensitivities are 0 in air, as those of a
    calibration scan are.
    """
    weighted = methods.SensitivityWeighted(scan.maps, scan.covariance)
    plain = methods.FullySampled(weighted)
    kept = jnp.asarray(scan.kept)
    made = {
        "full": plain.image(scan.raw.samples, scan.grid),
        "zero_filled": plain.image(kept, scan.grid),
        recipe.reconstruction.method.replace("-", "_"): _METHODS[recipe.reconstruction.method](
            recipe, scan, kept, weighted
        ),
    }
    return {name: digitised(np.abs(np.asarray(image))) for name, image in made.items()}


def errors(
    image: Float[np.ndarray, "x y z"], truth: Float[np.ndarray, "x y z"], head: Bool[np.ndarray, "x y z"]
) -> dict[str, float]:
    """Root mean square error inside the head over the root mean square truth there, and the peak over that error in dB."""
    difference = (image - truth)[head].astype(float)
    inside = truth[head].astype(float)
    error = float(np.sqrt(np.mean(difference**2)))
    return {
        "nrmse": error / float(np.sqrt(np.mean(inside**2))),
        "psnr_db": 20 * float(np.log10(inside.max() / error)) if error > 0 else float("inf"),
    }


Samples = Complex[Array, "coil kx ky kz"]
Weighted = methods.SensitivityWeighted


def _sense(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    method = methods.Sense(scan.seen, (1, recipe.sampling.acceleration, 1), scan.covariance)
    return method.image(kept, scan.grid)


def _grappa(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    x, _, z = scan.grid.shape
    block = (x, recipe.sampling.centre_lines, z)
    method = methods.Grappa((1, recipe.sampling.acceleration, 1), block, combination=weighted)
    return method.image(kept, scan.grid)


def _iterative(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    def method(encoding: methods.CartesianSampling):
        return methods.ConjugateGradients(encoding, tikhonov=1e-3, iterations=20)

    return _levelled(scan, kept, method)


def _sparse(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    def method(encoding: methods.CartesianSampling):
        # In the levelled mixture this is the noise of the fully sampled image.
        penalty = methods.TotalVariation(scan.deviation)
        return methods.CompressedSensing(encoding, penalty, iterations=60)

    return _levelled(scan, kept, method)


_METHODS: Mapping[str, Callable] = {
    "sense": _sense,
    "grappa": _grappa,
    "iterative-sense": _iterative,
    "compressed-sensing": _sparse,
}


def _levelled(scan: Acquisition, kept: Samples, method: Callable[[methods.CartesianSampling], Any]):
    """The image by an iterative method, in the mixture of coils whose noise is white, and with Σ|S|² of 1 everywhere.

    The scalp lies close to the loops; without levelling its voxels set the step and the rest converges slowly
    (Pruessmann et al., Magn. Reson. Med. 46 (2001) 638, on intensity correction).
    """
    maps = np.asarray(methods.whitened(jnp.asarray(scan.seen), scan.covariance))
    shading = np.sqrt(np.sum(np.abs(maps) ** 2, axis=0))
    level = np.where(shading > 0, 1 / np.where(shading > 0, shading, 1), 0).astype(shading.dtype)
    mask = np.ascontiguousarray(np.broadcast_to(scan.lines.acquired[:, None], scan.grid.shape))
    encoding = methods.CartesianSampling(maps * level, mask)
    return method(encoding).image(methods.whitened(kept, scan.covariance), scan.grid) * level
