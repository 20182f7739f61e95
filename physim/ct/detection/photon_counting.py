"""Photon counting: every photon is a pulse, sorted into bins by its height."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Float, PRNGKeyArray

from physim_phantoms import Tissue
from physim_phantoms._checks import InputError, is_concrete, require_range

from ..geometry.checks import Number
from .crosstalk import Crosstalk
from .dead_time import DeadTime
from .quanta import Collected, Quanta, Signal
from .sensors import absorbed, cadmium_telluride


class PhotonCounting(eqx.Module):
    """A semiconductor that counts photons in energy bins: bin b holds pulses between threshold b and b + 1, the last all above.

    A photon of energy E makes a pulse of mean height E and standard deviation `energy_resolution`, keV. With the
    probability `charge_sharing` its charge is divided between two pixels, in parts spread evenly over 0..1, and makes a
    pulse in each. The counts of different bins and pixels are independent Poisson numbers: that a shared photon is
    counted twice is in their means, not in their correlation, and pulses that pile up are lost, not added.

    - `thresholds`: keV, rising. - `material`, `thickness`: cadmium telluride unless given; mm. - `fill_factor`: the part
      of a pixel's area that is sensitive. - `pile_up`: `NonParalyzable(s)`, `Paralyzable(s)` or None.
    - `xray_crosstalk`: photons that end up in the neighbours, or None.

    Good values: the defaults, with `pile_up=NonParalyzable(25e-9)` and pixels of 0.3 mm.
    Raises `ValueError` for no threshold or thresholds that do not rise, and outside: thresholds 1 to 150 keV, resolution
    0.1 to 50 keV, charge sharing 0 to 1, thickness 1 µm to 100 mm, fill factor 0.01 to 1.
    """

    thresholds: Float[Array | np.ndarray, " channel"]
    energy_resolution: Number
    charge_sharing: Number
    material: Tissue
    thickness: Number
    fill_factor: Number
    pile_up: DeadTime | None
    xray_crosstalk: Crosstalk | None

    def __init__(
        self,
        thresholds: Sequence[Number] | Float[Array | np.ndarray, " channel"] = (25.0, 50.0, 65.0, 80.0),
        *,
        energy_resolution: Number = 4.0,
        charge_sharing: Number = 0.2,
        material: Tissue | None = None,
        thickness: Number = 1.6,
        fill_factor: Number = 0.9,
        pile_up: DeadTime | None = None,
        xray_crosstalk: Crosstalk | None = None,
    ):
        self.thresholds = _rising(thresholds)
        require_range("energy_resolution", energy_resolution, 0.1, 50.0, "keV")
        require_range("charge_sharing", charge_sharing, 0.0, 1.0)
        require_range("thickness", thickness, 1e-3, 100.0, "mm")
        require_range("fill_factor", fill_factor, 0.01, 1.0)
        self.energy_resolution, self.charge_sharing = energy_resolution, charge_sharing
        self.material = cadmium_telluride() if material is None else material
        self.thickness, self.fill_factor = thickness, fill_factor
        self.pile_up, self.xray_crosstalk = pile_up, xray_crosstalk

    @property
    def least(self) -> float:
        """What a reading below it counts as in the logarithm: half a photon."""
        return 0.5

    @property
    def electronic_noise(self) -> float:
        """None: the lowest threshold lies above it."""
        return 0.0

    def response(self, energies: Float[Array | np.ndarray, " energy"]) -> Float[Array, "channel energy"]:
        """Mean number of counts in each bin for each photon that interacts."""
        energies = jnp.asarray(energies, float)
        step, width = jnp.asarray(self.thresholds)[:, None] - energies, self.energy_resolution
        whole = norm.sf(step / width)
        # The mean over a of P(a E + noise > T) is (σ/E) [G((E − T)/σ) − G(−T/σ)] with G(x) = x Φ(x) + φ(x).
        primitive = lambda x: x * norm.cdf(x) + norm.pdf(x)
        lowest = -jnp.asarray(self.thresholds)[:, None] / width
        part = width / energies * (primitive(-step / width) - primitive(lowest))
        above = (1 - self.charge_sharing) * whole + 2 * self.charge_sharing * part
        return above - jnp.concatenate([above[1:], jnp.zeros_like(above[:1])])

    def quanta(self, energies: Float[Array | np.ndarray, " energy"]) -> Quanta:
        """How often one photon is counted in each bin."""
        stopped = self.fill_factor * absorbed(self.material, self.thickness, jnp.asarray(energies, float))
        return Quanta(self.response(energies) * stopped, None)

    def weight(self, energies: Float[Array | np.ndarray, " energy"]) -> Float[Array, "channel energy"]:
        """Mean number of counts in each bin for each photon that arrives."""
        return self.quanta(energies).weight()

    def spread(self, photons: Float[Array, "*stack row column"]) -> Float[Array, "*stack row column"]:
        """Where photons end up: crosstalk before they are counted."""
        return photons if self.xray_crosstalk is None else self.xray_crosstalk.apply(photons)

    def counted(self, key: PRNGKeyArray, collected: Collected, durations: Float[Array, " view"]) -> Collected:
        """What dead time leaves, from the rate of all bins of a pixel together; the same fraction of each."""
        if self.pile_up is None:
            return collected
        rate = jnp.sum(collected.mean, axis=0) / durations[:, None, None]
        kept = self.pile_up.kept(rate).astype(collected.mean.dtype)
        made = collected.scaled(kept)
        if made.drawn is None:
            return made
        left = thinned(key, made.drawn, kept)
        return Collected(made.mean, made.variance, made.third, left)

    def transfer(self, signal: Signal, durations: Float[Array, " view"]) -> Signal:
        """Counts are read as they are."""
        return signal

    def calibrated(self, signal: Signal) -> Signal:
        """Counts are read as they are."""
        return signal


def thinned(key: PRNGKeyArray, counts: Float[Array, "..."], kept: Float[Array, "..."]) -> Float[Array, "..."]:
    """Counts of which each photon is kept with the probability `kept`: binomial, so Poisson numbers stay Poisson."""
    chance = jnp.broadcast_to(jax.lax.stop_gradient(kept), counts.shape)
    return jax.random.binomial(key, jax.lax.stop_gradient(counts), chance, dtype=counts.dtype)


def _rising(thresholds):
    if not is_concrete(thresholds) or not all(is_concrete(t) for t in thresholds):
        return jnp.stack([jnp.asarray(t, float) for t in thresholds])
    require_range("thresholds", thresholds, 1.0, 150.0, "keV")
    values = np.asarray(thresholds, float)
    if values.ndim != 1 or values.size < 1 or np.any(np.diff(values) <= 0):
        raise InputError(
            f"thresholds are {thresholds}; give at least one in keV, each above the one before, like (25.0, 50.0, 65.0, 80.0)"
        )
    return values
