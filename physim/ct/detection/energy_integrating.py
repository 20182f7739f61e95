"""The usual CT detector: a scintillator whose light is summed up, so every photon counts with its energy."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from physim_phantoms import Tissue
from physim_phantoms._checks import require_range

from ..geometry.checks import Number
from .crosstalk import Crosstalk
from .lag import Lag
from .light_spread import LightSpread
from .quanta import Collected, Quanta, Signal
from .sensors import absorbed, gadolinium_oxysulfide


class EnergyIntegrating(eqx.Module):
    """A scintillating layer: photons that interact leave all their energy, and a pixel reads the sum, keV.

    - `material`: of the layer; gadolinium oxysulfide unless given, or any `Tissue`. - `thickness`: mm.
    - `fill_factor`: the part of a pixel's area that is sensitive. - `electronic_noise`: standard deviation that the
      electronics add to one reading, keV. - `xray_crosstalk`: photons that end up in the neighbours; their noise is
      independent. - `optical_crosstalk`: light that does; it smooths the noise too. - `lag`: afterglow. None for none.

    Good values: 1.4 mm of gadolinium oxysulfide, fill factor 0.8, electronic noise 500 keV (about ten photons); a flat
    panel is `EnergyIntegrating(caesium_iodide(), 0.6)`.
    Raises `ValueError` outside: thickness 1 µm to 100 mm, fill factor 0.01 to 1, electronic noise 0 to 10⁹ keV.
    """

    material: Tissue
    thickness: Number
    fill_factor: Number
    electronic_noise: Number
    xray_crosstalk: Crosstalk | None
    optical_crosstalk: Crosstalk | LightSpread | None
    lag: Lag | None

    def __init__(
        self,
        material: Tissue | None = None,
        thickness: Number = 1.4,
        *,
        fill_factor: Number = 0.8,
        electronic_noise: Number = 500.0,
        xray_crosstalk: Crosstalk | None = None,
        optical_crosstalk: Crosstalk | LightSpread | None = None,
        lag: Lag | None = None,
    ):
        require_range("thickness", thickness, 1e-3, 100.0, "mm")
        require_range("fill_factor", fill_factor, 0.01, 1.0)
        require_range("electronic_noise", electronic_noise, 0.0, 1e9, "keV")
        self.material = gadolinium_oxysulfide() if material is None else material
        self.thickness, self.fill_factor, self.electronic_noise = thickness, fill_factor, electronic_noise
        self.xray_crosstalk, self.optical_crosstalk, self.lag = xray_crosstalk, optical_crosstalk, lag

    @property
    def least(self) -> float:
        """What a reading below it counts as in the logarithm, keV: half a photon of 60 keV."""
        return 30.0

    def quanta(self, energies: Float[Array | np.ndarray, " energy"]) -> Quanta:
        """What one photon leaves: with the probability that it interacts, its energy."""
        energies = jnp.asarray(energies, float)
        probability = absorbed(self.material, self.thickness, energies) * jnp.asarray(self.fill_factor, float)
        return Quanta(probability[None], energies[None])

    def weight(self, energies: Float[Array | np.ndarray, " energy"]) -> Float[Array, "channel energy"]:
        """Mean reading for each photon that arrives, keV: energy times the fraction absorbed; one channel."""
        return self.quanta(energies).weight()

    def spread(self, photons: Float[Array, "*stack row column"]) -> Float[Array, "*stack row column"]:
        """Where photons end up: crosstalk before they are counted."""
        return photons if self.xray_crosstalk is None else self.xray_crosstalk.apply(photons)

    def counted(self, key: PRNGKeyArray, collected: Collected, durations: Float[Array, " view"]) -> Collected:
        """All of it: a scintillator has no dead time."""
        return collected

    def transfer(self, signal: Signal, durations: Float[Array, " view"]) -> Signal:
        """From light to current, "channel view row column": optical crosstalk, then lag. Linear."""
        crossed = signal if self.optical_crosstalk is None else self.optical_crosstalk.apply(signal)
        return crossed if self.lag is None else self.lag.apply(crossed, durations)

    def calibrated(self, signal: Signal) -> Signal:
        """What `transfer` does to a signal that does not change in time."""
        return signal if self.optical_crosstalk is None else self.optical_crosstalk.apply(signal)
