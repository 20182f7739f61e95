"""The X-ray tube: voltage, charge and filter, and the photons they make."""

from functools import lru_cache
from importlib.resources import files

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES
from physim_phantoms._checks import require_range

# Middles of the bins of 1 keV that every spectrum is kept in.
ENERGIES = np.arange(10, 150) + 0.5


class Protocol(eqx.Module):
    """How a CT scan is taken: a tungsten anode of 12°, an aluminium filter, an energy-integrating detector.

    - `kvp`: tube voltage, 50 to 150 kV. - `mas`: charge of the whole scan, mAs, shared evenly by its views.
    - `filtration`: thickness of the filter, mm of aluminium, 1 to 50. - `electronic_noise`: standard deviation that the
      electronics add to one reading, keV. All traced. There is no bow-tie filter and no scatter.

    Good values: 120 kV and 200 mAs for a head; filtration 6.8 mm, which has the half-value layer of a CT tube;
    electronic noise 500 keV, the energy of about ten photons.
    Raises `ValueError` for a value outside its range.
    """

    kvp: Float[Array | np.ndarray, ""]
    mas: Float[Array | np.ndarray, ""]
    filtration: Float[Array | np.ndarray, ""]
    electronic_noise: Float[Array | np.ndarray, ""]

    def __init__(self, kvp=120.0, mas=200.0, filtration=6.8, electronic_noise=500.0):
        self.kvp = _number("kvp", kvp, 50.0, 150.0, "kV")
        self.mas = _number("mas", mas, 1e-3, 1e5, "mAs")
        self.filtration = _number("filtration", filtration, 1.0, 50.0, "mm of aluminium")
        self.electronic_noise = _number("electronic_noise", electronic_noise, 0.0, 1e9, "keV")

    def fluence(self) -> Float[Array, " energy"]:
        """Photons per mm² in each bin of `ENERGIES`, 1 m from the focal spot, over the whole scan.

        Tube output from a table made with SpekPy 2.5.4 (Poludniowski et al., Med. Phys. 48 (2021) 3630) at every
        kilovolt; a quadratic B-spline over the voltage makes it smooth. The filter attenuates as exp(−μ t).
        """
        voltages, table = _tungsten()
        filtered = jnp.exp(-TISSUES["aluminium"].attenuation(jnp.asarray(ENERGIES)) * self.filtration)
        tube = _quadratic_spline(self.kvp - jnp.asarray(voltages)) @ jnp.asarray(table)
        return tube * filtered * self.mas


@lru_cache(maxsize=1)
def _tungsten() -> tuple[np.ndarray, np.ndarray]:
    """Voltages, kV, and photons per mm², mAs and bin at 1 m for each."""
    with (files("physim.ct") / "tables" / "tungsten_12.npz").open("rb") as file, np.load(file) as table:
        return table["voltages"].astype(float), table["fluence"] / np.float32(100)


def _quadratic_spline(t):
    """The quadratic B-spline: positive, smooth, sums to one over whole numbers."""
    t = jnp.abs(t)
    return jnp.where(t < 0.5, 0.75 - t**2, 0.5 * jnp.maximum(1.5 - t, 0) ** 2)


def _number(name: str, value, low: float, high: float, unit: str):
    """A number within its range as an array; traced ones pass."""
    require_range(name, value, low, high, unit)
    return jnp.asarray(value, float)
