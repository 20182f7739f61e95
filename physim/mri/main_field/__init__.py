"""The main field as it is: shifted by what the patient is made of, and shimmed."""

from .dipole import susceptibility_field as susceptibility_field
from .offsets import FieldMap as FieldMap
from .offsets import Homogeneous as Homogeneous
from .offsets import MainField as MainField
from .offsets import SusceptibilityField as SusceptibilityField
from .shim import Shim as Shim
