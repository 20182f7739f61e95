"""Iodine and water from two scans: from their readings or from their images, and iodine told from bone."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import ndimage

from physim.ct.readings import Readings
from physim.ct.reconstruction.analytic import FilteredBackProjection
from physim.ct.reconstruction.spectral import decompose, decompose_images
from physim.ct.reconstruction.windows import Window
from physim_phantoms import TISSUES, Grid, Tissue

from .axial_scan import Turns, one_plane

SOLUTION = 10.0  # mg of iodine in a ml of the second basis material
MATERIALS = (TISSUES["water"], TISSUES["water"].with_iodine(SOLUTION))
_ENERGIES = np.arange(40.0, 101.0)  # keV that reach the detector behind an abdomen
# Bone holds more than water and iodine together can, at least this much of both; what lies beside it holds some.
_DENSE, _BRIGHT = 1.075, 2.5  # ml/ml, mg/ml
_CERTAIN = 1.15  # ml/ml of water that no noise makes of an organ: somewhere every bone has as much
_SMOOTHED, _BESIDE = 7.5, 5.0  # mm over which noise is averaged before, and that a bone's edge is blurred by

Volumes = Float[np.ndarray, "2 x y z"]


class FromReadings(eqx.Module):
    """Ray by ray before reconstruction: nothing that hardens the beam is left in the maps."""

    def volumes(self, turns: tuple[Turns, Turns], images: np.ndarray, grid: Grid, window: Window) -> Volumes:
        """Volume of each of `MATERIALS` per volume, from the two scans; `images` are not needed."""
        low, high = turns
        plane = one_plane(grid)
        made = [
            np.asarray(_decomposed(a, b, low.geometry, low.protocol, high.protocol, plane, window))[..., 0]
            for a, b in zip(low.signal[:, :, None], high.signal[:, :, None], strict=True)
        ]
        return np.stack(made, axis=-1)


class FromImages(eqx.Module):
    """Voxel by voxel after reconstruction, as if all of them lay behind `behind` mm of water."""

    behind: float = 250.0

    def volumes(self, turns: tuple[Turns, Turns], images: np.ndarray, grid: Grid, window: Window) -> Volumes:
        """Volume of each of `MATERIALS` per volume, from the images of both scans, HU."""
        readings = [Readings(t.signal[0][:, None], t.geometry, t.protocol) for t in turns]
        return np.asarray(decompose_images(jnp.asarray(images), readings, MATERIALS, behind=self.behind))


Decomposition = FromReadings | FromImages


def decomposition_of(domain: str) -> Decomposition:
    """The decomposition that a recipe's word stands for."""
    return {"readings": FromReadings(), "images": FromImages()}[domain]


def material_maps(volumes: Volumes, spacing: float) -> Mapping[str, np.ndarray]:
    """Iodine (mg/ml), water (ml/ml) and bone (share of the volume) from volumes of `MATERIALS` on voxels of `spacing` mm.

    Two spectra tell two materials apart, and bone looks like water and iodine together. Volume is the third equation: what
    is not bone is marrow, or beside a bone muscle, with iodine in it, which takes no room. So where there is bone, its share
    is what the water exceeds theirs by, over what that of cortical bone does, and iodine is what bone does not explain.
    """
    water, iodine = volumes[0] + volumes[1], SOLUTION * volumes[1]
    muscle, hard = worth(TISSUES["muscle"])[0], worth(TISSUES["cortical_bone"])
    marrow = (worth(TISSUES["red_marrow"])[0] + worth(TISSUES["yellow_marrow"])[0]) / 2
    width = max(2 * round((_SMOOTHED / spacing - 1) / 2) + 1, 1)
    dense = ndimage.uniform_filter(water, width)
    bony = (dense > _DENSE) & (ndimage.uniform_filter(iodine, width) > _BRIGHT)
    core = ndimage.binary_propagation(bony & (dense > _CERTAIN), mask=bony)
    beside = ndimage.binary_dilation(core, iterations=max(1, round(_BESIDE / spacing)))
    soft = np.where(core, marrow, muscle)
    share = np.where(beside, np.clip((water - soft) / (hard[0] - soft), 0, 1), 0)
    left = np.where(beside, np.maximum(iodine - share * hard[1], 0), iodine)
    return {
        "iodine": left.astype(np.float32),
        "water": water.astype(np.float32),
        "bone": share.astype(np.float32),
    }


def worth(tissue: Tissue) -> tuple[float, float]:
    """What a tissue looks like: ml of water per ml, and mg of iodine per ml; least squares from 40 to 100 keV."""
    energies = jnp.asarray(_ENERGIES)
    water, solution = (np.asarray(m.attenuation(energies)) for m in MATERIALS)
    basis = np.stack([water, (solution - water) / SOLUTION], axis=1)
    made = np.linalg.lstsq(basis, np.asarray(tissue.attenuation(energies)), rcond=None)[0]
    return float(made[0]), float(made[1])


@eqx.filter_jit
def _decomposed(a, b, geometry, low, high, plane: Grid, window: Window) -> Array:
    """Lengths of both materials along every ray of one plane, each reconstructed."""
    raws = Readings(jnp.asarray(a), geometry, low), Readings(jnp.asarray(b), geometry, high)
    lengths = decompose(raws, MATERIALS)
    return jnp.stack([FilteredBackProjection(window).solve(part, plane, geometry) for part in lengths])
