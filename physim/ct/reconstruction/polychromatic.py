"""What a protocol's own detector reads behind known paths of known materials, and how that changes with the paths."""

from collections.abc import Callable, Sequence
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from physim_phantoms import Tissue

from ..detection import Detector
from ..geometry import Geometry
from ..source import ENERGIES, Protocol, beam

_HIGHEST = jax.lax.Precision.HIGHEST
_DEEPEST = 60.0  # exponents beyond it are nothing, in float32 too


class View(eqx.Module):
    """How one view's channels weigh energies on the central ray, and filters whose thickness differs by ray.

    - `filters`, `thickness`: 1/mm and mm (see `physim.ct.source.Beam`).
    """

    weights: Float[Array, "channel energy"]
    filters: Float[Array, "filter energy"]
    thickness: Float[Array, "filter _ _"]

    def logs(
        self, functions: Float[Array, "k energy"], paths: Float[Array, "k row column"]
    ) -> tuple[Float[Array, "channel row column"], Float[Array, "channel k row column"]]:
        """−ln(Σ_E n(E) exp(−Σ_k μ_k(E) a_k) / Σ_E n(E)) and its derivatives in the paths a_k."""
        dtype = paths.dtype
        weights, functions = self.weights.astype(dtype), functions.astype(dtype)
        add = lambda spec, *a: jnp.einsum(spec, *a, precision=_HIGHEST)
        open_beam = jnp.exp(-add("fe,fij->eij", self.filters.astype(dtype), self.thickness.astype(dtype)))
        depth = jnp.clip(add("ke,kij->eij", functions, paths), -_DEEPEST, _DEEPEST)
        passed = open_beam * jnp.exp(-depth)
        signal = add("ce,eij->cij", weights, passed)
        slopes = [add("ce,eij->cij", weights * f, passed) / signal for f in functions]
        return jnp.log(add("ce,eij->cij", weights, open_beam)) - jnp.log(signal), jnp.stack(slopes, axis=1)


class Beams(eqx.Module):
    """The views of a scan as the detector weighs them; arrays over views have one entry where all views are alike."""

    weights: Float[Array, "_ channel energy"]
    filters: Float[Array, "filter energy"]
    thickness: Float[Array, "_ filter _ _"]

    @property
    def uniform(self) -> bool:
        """Whether all rays of a view have one spectrum."""
        return self.filters.shape[0] == 0

    def summed(self) -> "Beams":
        """All channels added up."""
        return Beams(jnp.sum(self.weights, axis=1, keepdims=True), self.filters, self.thickness)


def beams(protocol: Protocol, geometry: Geometry) -> Beams:
    """The beam of the protocol, weighed by its detector."""
    made = beam(protocol, geometry)
    # Views of one voltage differ in their charge only.
    spectrum = made.spectrum if protocol.kvp.ndim else made.spectrum[:1]
    detector = cast(Detector, protocol.detector)
    weights = spectrum[:, None] * detector.weight(jnp.asarray(ENERGIES, float))[None]
    weights = weights / jnp.sum(weights, axis=(1, 2), keepdims=True)
    return Beams(weights, made.attenuation, jnp.moveaxis(made.thickness, 1, 0))


def each_view(scans: Sequence[Beams], function: Callable, *given: Array) -> Array:
    """`function([View of each scan], *one view of each given)`, view after view: all energies are held for one view only."""
    own = [(s.weights, s.thickness) for s in scans]
    moving = [tuple(None if a.shape[0] == 1 else a for a in pair) for pair in own]

    @jax.checkpoint
    def one(item):
        mine, theirs = item
        views = []
        for scan, pair, moved in zip(scans, own, mine, strict=True):
            weights, thickness = (a[0] if m is None else m for a, m in zip(pair, moved, strict=True))
            views.append(View(weights, scan.filters, thickness))
        return function(views, *theirs)

    return jax.lax.map(one, (moving, given))


def attenuations(tissues: Sequence[Tissue]) -> Float[Array, "k energy"]:
    """Attenuation of tissues at `ENERGIES`, 1/mm."""
    return jnp.stack([jnp.asarray(t.attenuation(jnp.asarray(ENERGIES, float))) for t in tissues])


def hardened_attenuations(
    scans: Beams, tissues: Sequence[Tissue], water: Float[Array, " energy"], through: float
) -> Float[Array, "channel k"]:
    """Attenuation of thin layers of tissues behind `through` mm of water, central ray, all views together, 1/mm."""
    weights = jnp.sum(scans.weights, axis=0) * jnp.exp(-water * through)
    weights = weights / jnp.sum(weights, axis=-1, keepdims=True)
    return jnp.einsum("ce,ke->ck", weights, attenuations(tissues), precision=_HIGHEST)
