"""The simultaneous algebraic technique on ordered subsets of the views."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import Grid
from physim_phantoms._checks import InputError, require_range

from ..geometry import Geometry, n_views
from ..projector import Joseph, Model
from .system import Sinogram, System, checked, checked_count, ratio, repeat, system


class OSSART(eqx.Module):
    """x ← max(x + relaxation Aᵀ v (b − A x) / Aᵀ v A 1, lower_bound), one subset of the views after the other.

    Without weights v = 1 / A 1, which is SART: Andersen and Kak, Ultrason. Imaging 6 (1984) 81; with subsets: Wang and
    Jiang, J. X-Ray Sci. Technol. 12 (2004) 169. With weights v = w, which are the separable surrogates of the weighted
    squares: Erdoğan and Fessler, Phys. Med. Biol. 44 (1999) 2835. Row and column sums are those of the subset itself.
    One subset converges to the minimum of Σ v (A x − b)² for every relaxation below 2; several go there about as many
    times faster at first, and end in a cycle around it that is smaller for consistent data and for less relaxation.

    - `iterations`: passes through all views; static. - `subsets`: every subset takes each `subsets`-th view, and the next
      one lies about a golden section of the subsets further; static. - `relaxation`: 0 to 2. - `lower_bound`: that no
      voxel falls below; 0 is no negative attenuation. - `model`: of the projector.

    Each pass costs two back-projections and one projection. Gradients are those of the iterate itself, unrolled, with
    memory for about subsets + 2 √iterations volumes.
    Good values: `OSSART(iterations=5, subsets=20)`; at least ten views in a subset; relaxation 0.5 for noisy data.
    Raises `ValueError` for counts below 1, more subsets than views, and what `CGLS` refuses.
    """

    iterations: int = eqx.field(static=True)
    subsets: int = eqx.field(static=True)
    relaxation: Float[Array | np.ndarray, ""] | float
    lower_bound: Float[Array | np.ndarray, ""] | float
    model: Model

    def __init__(
        self,
        iterations: int = 5,
        subsets: int = 10,
        relaxation=1.0,
        lower_bound=-np.inf,
        model: Model = Joseph(),
    ):
        self.iterations = checked_count("iterations", iterations, 5)
        self.subsets = checked_count("subsets", subsets, 10)
        require_range("relaxation", relaxation, 0.0, 2.0)
        self.relaxation, self.lower_bound, self.model = relaxation, lower_bound, model

    def solve(
        self, sino: Sinogram, grid: Grid, geometry: Geometry, weights: Sinogram | None = None
    ) -> Float[Array, "x y z"]:
        """The volume after the passes, starting from zero; `weights` are inverse variances."""
        views = n_views(geometry)
        if self.subsets > views:
            raise InputError(
                f"subsets is {self.subsets} and there are {views} views; every subset needs a view: write subsets={views}"
            )
        sino, weights = checked(sino, geometry, weights)
        return _solve(self, system(grid, geometry, self.model, sino.dtype), sino, weights)


@jax.jit
def _solve(method: OSSART, scan: System, sino, weights):
    sums = scan.forward(jnp.ones(scan.scene.grid, sino.dtype))
    pull = ratio(jnp.ones_like(sums), sums) if weights is None else weights
    views = subset_views(len(sino), method.subsets)
    relaxation, bound = (jnp.asarray(v, sino.dtype) for v in (method.relaxation, method.lower_bound))

    @jax.checkpoint
    def step(x, subset):
        part, sino, sums, pull = subset
        change = part.transpose(pull * (sino - part.forward(x)))
        x = x + relaxation * ratio(change, part.transpose(pull * sums))
        return jnp.maximum(x, bound), None

    subsets = (scan.subsets(views), *(_dealt(values, views) for values in (sino, sums, pull)))
    one_pass = lambda x: jax.lax.scan(step, x, subsets)[0]
    return repeat(one_pass, jnp.zeros(scan.scene.grid, sino.dtype), method.iterations)


def _dealt(
    values: Float[Array, "view row column"], views: np.ndarray
) -> Float[Array, "subset each row column"]:
    """The values of each subset's views, and zeros, whose pull is 0, where a subset is filled up."""
    missing = views.size - values.shape[0]
    subsets = len(views)
    filled = jnp.pad(values, ((0, missing), (0, 0), (0, 0))).reshape(-1, subsets, *values.shape[1:])
    # Slices, so that there is no scatter in reverse.
    return jnp.stack([filled[:, first] for first in views[:, 0]])


def subset_views(views: int, subsets: int) -> np.ndarray:
    """Indices (subset, view) of the views of each subset, in the order of use; short subsets repeat their first view.

    Subsets far apart in angle follow one another: steps of the golden section of their number, Köhler, IEEE Nuclear
    Science Symposium Conference Record 6 (2004) 3961.
    """
    stride = max(1, round(subsets * (math.sqrt(5) - 1) / 2))
    while math.gcd(stride, subsets) > 1:
        stride += 1
    order = np.arange(subsets) * stride % subsets
    taken = order[:, None] + subsets * np.arange(-(-views // subsets))[None, :]
    return np.where(taken < views, taken, order[:, None])
