"""Coils: what a scanner receives with and transmits with, and their noise."""

from .arrays import body_array as body_array
from .arrays import head_array as head_array
from .covariance import Covariance as Covariance
from .covariance import NoiseCovariance as NoiseCovariance
from .covariance import Uncorrelated as Uncorrelated
from .covariance import body_noise as body_noise
from .covariance import coloured_noise as coloured_noise
from .receive import Loops as Loops
from .receive import Maps as Maps
from .receive import Receive as Receive
from .receive import Uniform as Uniform
from .receive import sensitivity_maps as sensitivity_maps
from .transmit import DielectricSphere as DielectricSphere
from .transmit import NominalTransmit as NominalTransmit
from .transmit import Transmit as Transmit
from .transmit import TransmitLoops as TransmitLoops
from .transmit import TransmitMap as TransmitMap
from .transmit import birdcage as birdcage
