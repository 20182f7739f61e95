"""How a scan is taken: tube, voltage, charge, filters, modulation, detector."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES
from physim_phantoms._checks import InputError, require_range, require_shape

from ..detection import Detector, EnergyIntegrating
from ..geometry.checks import numbers
from .bowtie import Bowtie
from .filters import Filter
from .heel import Heel
from .modulation import Modulation
from .spectrum import ENERGIES as ENERGIES
from .spectrum import HIGHEST_KVP, LOWEST_KVP, tungsten_fluence

Scalar = Float[Array | np.ndarray, ""]


class Tube(eqx.Module):
    """A tungsten tube.

    - `anode_angle`: between the anode's surface and the central ray, rad, 5° to 30°. - `focal_spot`: its width along the
      detector's columns and its length along the rows as seen from the isocentre, mm; 0 is a point. - `heel`: the heel effect,
      or None for none. All numbers are traced.

    Good values: 7° to 12° in CT with a spot of 0.6 to 1.2 mm; 12° to 16° for radiographs.
    Raises `ValueError` for angles outside the table (in rad, not degrees) and spots above 10 mm.
    """

    anode_angle: Scalar
    focal_spot: Float[Array | np.ndarray, "2"]
    heel: Heel | None

    def __init__(self, anode_angle=np.deg2rad(12.0), focal_spot=(0.0, 0.0), heel: Heel | None = None):
        require_range(
            "anode_angle",
            anode_angle,
            np.deg2rad(5.0),
            np.deg2rad(30.0),
            "rad; write math.radians(12.0) for 12°",
        )
        spot = numbers("focal_spot", focal_spot, 2)
        require_range("focal_spot", spot, 0.0, 10.0, "mm")
        self.anode_angle, self.focal_spot = jnp.asarray(anode_angle, float), jnp.asarray(spot, float)
        self.heel = heel


class Protocol(eqx.Module):
    """How a scan is taken. All numbers are traced.

    - `kvp`: tube voltage, 40 to 150 kV; one, or one per view for kV switching (`switched_kvp`). - `mas`: charge of the whole
      scan, mAs, shared by its views, evenly unless there is a `modulation`. - `filtration`: mm of aluminium, 1 to 50.
    - `filters`: further flat filters, one or a tuple. - `tube`: anode angle, focal spot, heel effect. - `bowtie`: none unless
      given. - `detector`: such as `EnergyIntegrating()`, which it is unless given. - `rotation_time`: s.

    Good values: 120 kV and 200 mAs for a head; filtration 6.8 mm, which has the half-value layer of a CT tube; 0.5 s.
    Raises `ValueError` for a value outside its range.
    """

    kvp: Float[Array | np.ndarray, "*view"]
    mas: Scalar
    filtration: Scalar
    filters: tuple[Filter, ...]
    tube: Tube
    bowtie: Bowtie | None
    modulation: Modulation | None
    detector: Detector
    rotation_time: Scalar

    def __init__(
        self,
        kvp=120.0,
        mas=200.0,
        *,
        filtration=6.8,
        filters=(),
        tube: Tube | None = None,
        bowtie: Bowtie | None = None,
        modulation: Modulation | None = None,
        detector: Detector | None = None,
        rotation_time=0.5,
    ):
        self.kvp = _voltages(kvp)
        self.mas = _number("mas", mas, 1e-3, 1e6, "mAs; write mas=200.0")
        self.filtration = _number(
            "filtration", filtration, 1.0, 50.0, "mm of aluminium; write filtration=6.8"
        )
        self.filters = _filters(filters)
        self.tube = Tube() if tube is None else tube
        self.bowtie, self.modulation = bowtie, modulation
        self.detector = EnergyIntegrating() if detector is None else detector
        self.rotation_time = _number("rotation_time", rotation_time, 1e-3, 1e4, "s; write rotation_time=0.5")

    def fluence(self) -> Float[Array, "*view energy"]:
        """Photons per mm² in each bin of `ENERGIES`, 1 m from the focal spot on the central ray, behind the flat filters.

        Of the whole scan's charge; with one voltage per view, of the whole charge at each of them. Tube output by
        `tungsten_fluence`; the filters attenuate as exp(−μ t).
        """
        return tungsten_fluence(self.kvp, self.tube.anode_angle) * self.transmission() * self.mas

    def transmission(self) -> Float[Array, " energy"]:
        """Share of the photons of each energy that passes the flat filters."""
        energies = jnp.asarray(ENERGIES, float)
        path = TISSUES["aluminium"].attenuation(energies) * self.filtration
        for sheet in self.filters:
            path = path + sheet.path(energies)
        return jnp.exp(-path)


def _voltages(kvp) -> Float[Array, "*view"]:
    require_range("kvp", kvp, LOWEST_KVP, HIGHEST_KVP, "kV; write kvp=120.0")
    made = jnp.asarray(kvp, float)
    if made.ndim > 1 or made.size == 0:
        raise InputError(f"kvp has shape {made.shape}; give one voltage, like 120.0 kV, or one per view")
    return made


def _number(name: str, value, low: float, high: float, unit: str) -> Float[Array, ""]:
    """One number within its range as an array; traced ones pass."""
    require_range(name, value, low, high, unit)
    require_shape(name, value, ())
    return jnp.asarray(value, float)


def _filters(filters) -> tuple[Filter, ...]:
    made = (filters,) if isinstance(filters, Filter) else tuple(filters)
    for each in made:
        if not isinstance(each, Filter):
            raise InputError(f'filters holds {each!r}; write for example (Filter("tin", 0.4),)')
    return made
