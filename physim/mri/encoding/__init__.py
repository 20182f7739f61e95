"""Encodings: how spins at positions, or images on grids, become samples."""

from .encodings import Automatic as Automatic
from .encodings import Direct as Direct
from .encodings import Encoding as Encoding
from .encodings import Nonuniform as Nonuniform
from .encodings import Prepared as Prepared
from .nufft import Nufft as Nufft
