"""Computed tomography: ray geometry, projectors, spectra, detector noise, reconstruction.

This room starts thin: parallel rays in planes of constant z, pixels without width, no scatter. What is there is exact:
line integrals with their transpose, polychromatic attenuation, photon noise, beam-hardening correction for water.
"""

from .detector import Noiseless as Noiseless
from .detector import QuantumNoise as QuantumNoise
from .filtered import Hann as Hann
from .filtered import RamLak as RamLak
from .filtered import SheppLogan as SheppLogan
from .geometry import ParallelBeam as ParallelBeam
from .geometry import parallel_beam as parallel_beam
from .joseph import Joseph as Joseph
from .project import backproject as backproject
from .project import project as project
from .protocol import Protocol as Protocol
from .reconstruct import reconstruct as reconstruct
from .scan import Readings as Readings
from .scan import scan as scan
