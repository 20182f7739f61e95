"""The trees of the lungs: arteries, veins and bronchi that branch out from the hilum."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp

from .implicit import Place, coverage
from .rods import Rods, tree
from .stages import Layer, layer
from .trunk_frame import Spot, Trunk
from .waves import Waves


class LungTrees(eqx.Module):
    """Trees of one lung, used mirrored and bent differently for the other, and the fields that bend them."""

    arteries: Rods
    veins: Rods
    bronchi: Rods
    bends: Waves
    specks: Waves


def lung_trees(trunk: Trunk, noise, bends: Waves, specks: Waves) -> LungTrees:
    """The trees of one patient from standard normal `noise` "node 3"."""
    z = trunk.level(142.0) + 0.5 * trunk.lift
    half_width, middle, half_depth = trunk.wall(z)
    centre = jnp.stack(jnp.broadcast_arrays(0.585 * half_width, middle - 2.0, z))
    tall = trunk.level(112.0) - 0.4 * trunk.lift
    semi_axes = jnp.stack(jnp.broadcast_arrays(0.40 * half_width, 0.90 * half_depth, tall))
    artery, vein, stem = trunk.along([(42.0, 20.0, 166), (44.0, 18.0, 146), (42.0, 13.0, 162)])
    return LungTrees(
        tree(noise, artery, centre, semi_axes, 72, 1.15),
        tree(noise[150:], vein, centre, 0.95 * semi_axes, 48, 1.2, offset=37),
        tree(noise[250:], stem, 0.5 * (centre + artery), 0.55 * semi_axes, 10, 1.6, offset=11),
        bends,
        specks,
    )


def folded(trees: LungTrees, spot: Spot) -> Place:
    """The place bent by up to a centimetre and folded onto the right lung."""
    x, y, z = (c + 5.0 * m for c, m in zip(spot.place, trees.bends(spot.place), strict=True))
    return jnp.sqrt(x * x + 0.01), y, z


def layers(trees: LungTrees, bent: Place, lung, edge) -> list[Layer]:
    """Vessels full of blood and bronchi full of air, inside the lungs."""
    vessels = jnp.minimum(trees.arteries.distance(bent, 0.6), trees.veins.distance(bent, 0.6))
    bronchi = trees.bronchi.distance(bent, 0.8)
    within = lung + 0.5
    return [
        layer(coverage(jnp.maximum(vessels, within), edge), blood=1.0),
        layer(coverage(jnp.maximum(bronchi, within), edge), cartilage=0.3, soft_tissue=0.7),
        layer(coverage(jnp.maximum(bronchi + 1.0, within), edge), air=1.0),
    ]
