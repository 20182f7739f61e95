"""What every reconstruction is: something that turns the samples of all coils into one image."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Complex

from physim_phantoms import Grid

from .checks import require_matrix
from .combine import Combination, RootSumOfSquares
from .fourier import coil_images


@runtime_checkable
class Reconstruction(Protocol):
    """A way from samples to an image; `mri.reconstruct(raw, method=...)` takes any."""

    def image(self, samples: Complex[Array, "coil ..."], grid: Grid) -> Complex[Array, "x y z"]:
        """The complex image on `grid`, in the unit of the samples per mm³."""
        ...


class FullySampled(eqx.Module):
    """Inverse Fourier transform of a full Cartesian matrix, coils combined.

    - `combination`: of the coils' images; the root of the sum of squares unless given.

    Raises `ValueError` for NaN and for samples that do not fill the grid's matrix.
    Good values: `FullySampled()`; `FullySampled(SensitivityWeighted(maps))` where the maps are known.
    """

    combination: Combination = RootSumOfSquares()

    def image(self, samples: Complex[Array, "coil kx ky kz"], grid: Grid) -> Complex[Array, "x y z"]:
        """The combined image."""
        require_matrix(samples, grid)
        return self.combination.combine(coil_images(samples, grid))
