"""What one photon leaves in a detector, and the statistics of many: a compound Poisson distribution."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

_HIGHEST = jax.lax.Precision.HIGHEST

PerChannel = Float[Array, "channel energy"]
Signal = Float[Array, "channel *pixel"]


class Collected(eqx.Module):
    """The reading of pixels as a random number: its first three cumulants, and one draw of it where one was made.

    - `mean`, `variance`, `third`: in the detector's unit (keV or counts) to the first, second and third power.
    - `drawn`: the reading itself, exactly distributed, or None.
    """

    mean: Signal
    variance: Signal
    third: Signal
    drawn: Signal | None

    def scaled(self, factor: float | Float[Array, "..."]) -> "Collected":
        """With `factor` times as many photons; the draw is left as it is."""
        return Collected(self.mean * factor, self.variance * factor, self.third * factor, self.drawn)


class Quanta(eqx.Module):
    """A photon of energy E is registered in channel c with `probability`[c, E], and then adds `size`[c, E].

    Without a size every registered photon adds one.
    """

    probability: PerChannel
    size: PerChannel | None

    def weight(self) -> PerChannel:
        """Mean reading for each photon."""
        return self.probability if self.size is None else self.probability * self.size

    def cumulants(self, photons: Float[Array, "energy *pixel"]) -> Collected:
        """Cumulants of the reading of pixels with Poisson numbers of photons whose means are `photons`.

        The sum of the sizes of Poisson many photons has the cumulants κ_m = Σ_E size^m probability n(E).
        """
        dtype = photons.dtype
        if self.size is None:
            mean = _total(self.probability.astype(dtype), photons)
            return Collected(mean, mean, mean, None)
        powers = jnp.stack([self.probability * self.size**m for m in (1, 2, 3)]).astype(dtype)
        made = _total(powers, photons)
        return Collected(made[0], made[1], made[2], None)

    def draw(self, key: PRNGKeyArray, photons: Float[Array, "energy *pixel"]) -> Signal:
        """One reading per pixel: photons drawn energy by energy, exactly; not differentiable."""
        dtype = photons.dtype
        if self.size is None:
            mean = _total(self.probability.astype(dtype), photons)
            return jax.random.poisson(key, mean).astype(dtype)
        share = self.probability.astype(dtype).reshape(*self.probability.shape, *([1] * (photons.ndim - 1)))

        def one_energy(total, item):
            number, chance, size, part_key = item
            counts = jax.random.poisson(part_key, chance * number).astype(dtype)
            return total + size.reshape(chance.shape) * counts, None

        each = photons, jnp.moveaxis(share, 1, 0), self.size.astype(dtype).T
        keys = jax.random.split(key, photons.shape[0])
        none = jnp.zeros((share.shape[0], *photons.shape[1:]), dtype)
        return jax.lax.scan(one_energy, none, (*each, keys))[0]


def _total(weights, photons):
    return jnp.einsum(
        "...e,e...p->...p", weights, photons.reshape(photons.shape[0], -1), precision=_HIGHEST
    ).reshape(*weights.shape[:-1], *photons.shape[1:])
