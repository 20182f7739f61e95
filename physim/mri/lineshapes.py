"""How semisolid spins absorb off resonance: lineshapes g(Δ), normalised to ∫ g dω = 1 over ω = 2πΔ."""

from __future__ import annotations

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

Number = Float[Array, "..."]

FADED = math.sqrt(80)  # exp(−2 x² / v²) with v = 2 x / FADED is exp(−40)


class Lineshape(eqx.Module):
    """The density of spins at `offset` Hz from the middle of the line, s: a field ω₁ saturates them at the rate π ω₁² g.

    Your own is a subclass with `__call__`; its numbers are static fields.
    """

    @abc.abstractmethod
    def __call__(self, offset: Number, t2: Number) -> Number:
        """g(offset) for spins with a transverse relaxation time `t2` in s."""


class Lorentzian(Lineshape):
    """g = T₂ / π / (1 + (2πΔ T₂)²): the Bloch equations in the steady state. Good for liquids, too wide for tissue."""

    def __call__(self, offset, t2):
        """See the class."""
        return t2 / jnp.pi / (1 + (2 * jnp.pi * offset * t2) ** 2)


class Gaussian(Lineshape):
    """g = T₂ / √(2π) exp(−(2πΔ T₂)² / 2): rigid protons in disorder, such as agar gels."""

    def __call__(self, offset, t2):
        """See the class."""
        return t2 / math.sqrt(2 * math.pi) * jnp.exp(-((2 * jnp.pi * offset * t2) ** 2) / 2)


class SuperLorentzian(Lineshape):
    """g = ∫₀¹ √(2/π) T₂ / |3u² − 1| exp(−2 (2πΔ T₂ / (3u² − 1))²) du: partly ordered membranes, the choice for tissue.

    The integral grows without bound towards resonance. Within `cutoff` Hz the parabola in Δ is taken that continues its
    value and slope there. Source: Morrison and Henkelman, Magn. Reson. Med. 33 (1995) 475; for the inner part Bieri and
    Scheffler, Magn. Reson. Med. 56 (2006) 1067.

    Good values: 1000 Hz.
    """

    cutoff: float = eqx.field(static=True, default=1000.0)

    def __check_init__(self):
        require_range("cutoff", self.cutoff, 1.0, 1e5, "Hz")

    def __call__(self, offset, t2):
        """See the class."""
        edge = jnp.full_like(offset, self.cutoff)
        value, slope = jax.jvp(lambda f: _super_lorentzian(f, t2), (edge,), (jnp.ones_like(edge),))
        inner = value + slope * (offset**2 - self.cutoff**2) / (2 * self.cutoff)
        inside = jnp.abs(offset) < self.cutoff
        return jnp.where(inside, inner, _super_lorentzian(jnp.where(inside, edge, jnp.abs(offset)), t2))


def _super_lorentzian(offset: Number, t2: Number) -> Number:
    """The integral by Gauss-Legendre quadrature in y = ln p, u = (1 ± p) / √3: there both sides of the magic angle are smooth."""
    nodes, weights = (jnp.asarray(a, offset.dtype) for a in np.polynomial.legendre.leggauss(48))
    x = 2 * jnp.pi * offset * t2
    low = jnp.log(x / FADED)
    total = jnp.zeros_like(x)
    for side, high in ((-1, 0.0), (1, math.log(math.sqrt(3) - 1))):
        half = jnp.maximum(high - low, 0.0) / 2
        p = jnp.exp(high + half[..., None] * (nodes - 1))
        density = jnp.exp(-2 * (x[..., None] / (p * (2 + side * p))) ** 2) / (2 + side * p)
        total = total + half * (density * weights).sum(-1)
    return math.sqrt(2 / (3 * math.pi)) * t2 * total
