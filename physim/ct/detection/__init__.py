"""Detectors: from photons that arrive at a pixel to what it reads, its expectation and its noise."""

from .crosstalk import Crosstalk as Crosstalk
from .dead_time import NonParalyzable as NonParalyzable
from .dead_time import Paralyzable as Paralyzable
from .energy_integrating import EnergyIntegrating as EnergyIntegrating
from .lag import Lag as Lag
from .light_spread import LightSpread as LightSpread
from .noise import CompoundPoisson as CompoundPoisson
from .noise import Noiseless as Noiseless
from .noise import QuantumNoise as QuantumNoise
from .photon_counting import PhotonCounting as PhotonCounting
from .quanta import Collected as Collected
from .quanta import Quanta as Quanta
from .sensors import cadmium_telluride as cadmium_telluride
from .sensors import caesium_iodide as caesium_iodide
from .sensors import gadolinium_oxysulfide as gadolinium_oxysulfide

Detector = EnergyIntegrating | PhotonCounting
Noise = QuantumNoise | CompoundPoisson | Noiseless
