"""What raw data become: the fully sampled image, zero filling, a parallel imaging method, and how far they are off."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Complex, Float

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
    """Magnitudes on the acquired grid, coils combined by their true sensitivities: all estimate the noise-free signal."""
    weighted = methods.SensitivityWeighted(scan.maps, scan.covariance)
    plain = methods.FullySampled(weighted)
    kept = scan.kept
    made = {
        "full": plain.image(scan.samples, scan.grid),
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


Samples = Complex[np.ndarray, "coil kx ky kz"]
Weighted = methods.SensitivityWeighted


def _sense(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    method = methods.Sense(scan.maps, (1, recipe.sampling.acceleration, 1), scan.covariance)
    return method.image(jnp.asarray(kept), scan.grid)


def _grappa(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    x, _, z = scan.grid.shape
    block = (x, recipe.sampling.centre_lines, z)
    method = methods.Grappa((1, recipe.sampling.acceleration, 1), block, combination=weighted)
    return method.image(jnp.asarray(kept), scan.grid)


def _iterative(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    encoding, white = _whitened(scan, kept)
    return methods.ConjugateGradients(encoding, tikhonov=1e-3, iterations=20).image(white, scan.grid)


def _sparse(recipe: AcceleratedMriRecipe, scan: Acquisition, kept: Samples, weighted: Weighted):
    encoding, white = _whitened(scan, kept)
    penalty = methods.TotalVariation(scan.deviation)
    return methods.CompressedSensing(encoding, penalty, iterations=60).image(white, scan.grid)


_METHODS: Mapping[str, Callable] = {
    "sense": _sense,
    "grappa": _grappa,
    "iterative-sense": _iterative,
    "compressed-sensing": _sparse,
}


def _whitened(scan: Acquisition, kept: Samples):
    """Sampling and samples in the mixture of coils whose noise is white."""
    mask = np.broadcast_to(scan.lines.acquired[:, None], scan.grid.shape)
    maps = methods.whitened(scan.maps, scan.covariance)
    return methods.CartesianSampling(maps, np.ascontiguousarray(mask)), methods.whitened(
        kept, scan.covariance
    )
