"""Encodings: how spins at positions, or images on grids, become samples."""

from .nufft import Nufft as Nufft
