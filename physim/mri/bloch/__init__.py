"""The Bloch equations during pulses."""

from .integrators import FourthOrder as FourthOrder
from .integrators import Integrator as Integrator
from .integrators import Midpoint as Midpoint
