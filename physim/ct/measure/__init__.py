"""Measurements on images: noise power, modulation transfer, CT numbers, contrast and uniformity, and what theory expects."""

from .mtf import Transfer as Transfer
from .mtf import mtf_from_edge as mtf_from_edge
from .mtf import mtf_from_wire as mtf_from_wire
from .nps import NoisePower as NoisePower
from .nps import Polynomial as Polynomial
from .nps import noise_power as noise_power
from .nps import patches as patches
from .nps import radial as radial
from .regions import Insert as Insert
from .regions import Uniformity as Uniformity
from .regions import contrast_to_noise as contrast_to_noise
from .regions import disc as disc
from .regions import region_statistics as region_statistics
from .regions import sensitometry as sensitometry
from .regions import uniformity as uniformity
from .theory import expected_mtf as expected_mtf
from .theory import fbp_noise_power as fbp_noise_power
