"""A pulse as an integrator looks at it: its mean and its slope in every step, told as values at the nodes.

Magnus expansions see a pulse at one or two places of a step. A pulse with a spike between them, as equal-ripple designs
have at both ends, would lose its flip angle; so the nodes get the straight line that is nearest in the mean square,

    b(s) = ∫ B₁ ds + 12 (s − ½) ∫ B₁ (s − ½) ds,       s from 0 to 1 along the step,

whose integral is exact. For a smooth pulse the two agree to the order of the method: the next Legendre polynomial is zero at
Gauss-Legendre nodes. Source: Blanes, Casas, Oteo and Ros, Phys. Rep. 470 (2009) 151, section 5.4 (averaged fields).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .events import Rf

_PLACES = np.array(
    [0.5 - np.sqrt(3) / 6, 0.5 + np.sqrt(3) / 6]
)  # two nodes integrate a pulse times s exactly


def at_nodes(
    rf: Rf, edges: Float[np.ndarray, " edge"], nodes: tuple[float, ...]
) -> Float[np.ndarray, "step node 2"]:
    """Real and imaginary part of the unit-amplitude pulse at the nodes of the steps between `edges`, ps."""
    knots = np.unique(np.concatenate([edges, np.clip(rf.times, edges[0], edges[-1])]))
    pieces = np.diff(knots)
    first = np.searchsorted(knots, edges[:-1])  # the first piece of every step
    step = np.searchsorted(edges, knots[:-1], side="right") - 1
    length = np.diff(edges)
    times = knots[:-1, None] + pieces[:, None] * _PLACES
    share = (pieces / length[step] / 2)[:, None, None]
    along = ((times - edges[step, None]) / length[step, None] - 0.5)[..., None]
    start = rf.at(np.array(0.0))
    rest = rf.at(times) - start  # exactly zero for a constant pulse, which may then be doubled
    mean = np.add.reduceat((share * rest).sum(1), first)
    slope = 12 * np.add.reduceat((share * rest * along).sum(1), first)
    return start + mean[:, None] + slope[:, None] * (np.asarray(nodes)[:, None] - 0.5)
