"""Patients that move while they are scanned."""

from .displacement import DisplacementMotion as DisplacementMotion
from .motion import Motion as Motion
from .motion import Still as Still
from .rigid import RigidMotion as RigidMotion
