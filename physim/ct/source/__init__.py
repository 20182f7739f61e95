"""X-ray sources: tungsten spectra, filters, bow-ties, heel effect, current modulation, and the dose they give."""

from .beam import Beam as Beam
from .beam import beam as beam
from .bowtie import BowtieProfile as BowtieProfile
from .bowtie import EqualisingBowtie as EqualisingBowtie
from .filters import Filter as Filter
from .heel import Heel as Heel
from .modulation import AngularModulation as AngularModulation
from .modulation import AttenuationModulation as AttenuationModulation
from .modulation import AxialModulation as AxialModulation
from .modulation import CurrentPerView as CurrentPerView
from .modulation import Together as Together
from .modulation import switched_kvp as switched_kvp
from .protocol import Protocol as Protocol
from .protocol import Tube as Tube
from .spectrum import ENERGIES as ENERGIES
from .spectrum import tungsten_fluence as tungsten_fluence
