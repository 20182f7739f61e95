"""Patients from CT: every HU becomes a mixture of the two neighbouring tissues of a ramp."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from .. import mixture
from .._checks import InputError, is_concrete, require_finite, require_range, require_shape
from ..grid import Grid
from ..phantom import Phantom, _as_tissue
from ..tissue import TISSUES, Tissue

CT_TISSUES = ("air", "lung", "adipose", "soft_tissue", "trabecular_bone", "cortical_bone", "tooth")


def from_ct(
    grid: Grid,
    hu: Float[Array | np.ndarray, "x y z"] | Integer[Array | np.ndarray, "x y z"],
    *,
    tissues: Sequence[str | Tissue] = CT_TISSUES,
    energy: float | int | Float[Array | np.ndarray, ""] = 70.0,
) -> Phantom:
    """A phantom whose attenuation at `energy` (keV) gives back the HU; continuous and piecewise linear in HU.

    Between two neighbours a and b of the ramp `tissues` the fraction of b is (HU - HU_a) / (HU_b - HU_a), with
    HU = 1000 (µ / µ_water - 1) of each tissue computed from its composition. This is the interpolation between
    materials of Schneider, Bortfeld and Schlegel (Phys. Med. Biol. 45 (2000) 459), with this library's tissues for
    theirs. HU below the first tissue (air has -999) become the first, above the last the last.

    HU alone cannot tell tissues of equal attenuation apart: what follows for MRI or mechanics is a stand-in. Give
    another ramp where more is known, for example `(*CT_TISSUES, "titanium")` for a scan with metal.

    A CT from a file or DICOM folder comes with its grid, already turned to RAS+:

        hu, grid = physim.io.read_image("series/")
        patient = anatomy.from_ct(grid, hu)

    Good values: `energy` = the effective energy of the beam, 65 to 75 keV behind a body at 120 kVp.
    Raises `ValueError` for a wrong shape, NaN, values that cannot be HU, fewer than two tissues, or a ramp that does not
    rise at `energy`.
    """
    require_shape("the CT", hu, grid.shape)
    require_finite("the CT", hu)
    if is_concrete(hu):
        require_range("the CT", np.array([float(hu.min()), float(hu.max())]), -32768.0, 65535.0, "HU")
    require_range("energy", energy, 20.0, 150.0, "keV")
    palette = tuple(_as_tissue(t) for t in tissues)
    anchors = _hounsfield(palette, energy)
    values = jnp.asarray(hu)
    values = values if jnp.issubdtype(values.dtype, jnp.floating) else values.astype(jnp.float32)
    return Phantom(grid, palette, *_between(values, anchors.astype(values.dtype)))


def _hounsfield(palette: tuple[Tissue, ...], energy) -> Float[Array, " tissue"]:
    """HU of the tissues at one energy; refused unless they rise."""
    if len(palette) < 2:
        raise InputError(
            f"the ramp has {len(palette)} tissues; at least two are needed, like ('air', 'water')"
        )
    water = jnp.reshape(jnp.asarray(TISSUES["water"].attenuation(energy)), ())
    anchors = jnp.stack(
        [1000 * (jnp.reshape(jnp.asarray(t.attenuation(energy)), ()) / water - 1) for t in palette]
    )
    if is_concrete(anchors):
        found = np.asarray(anchors)
        if np.any(np.diff(found) <= 0):
            shown = ", ".join(f"{t.name} {v:.0f} HU" for t, v in zip(palette, found, strict=True))
            raise InputError(
                f"the ramp does not rise at {float(energy):g} keV: {shown}; sort the tissues by HU"
            )
    return anchors


def _between(hu: Float[Array, "x y z"], anchors: Float[Array, " tissue"]):
    """The tissue below each value and the one above, with the fraction of the upper one."""
    below = jnp.zeros(hu.shape, jnp.uint8)
    for anchor in anchors[1:-1]:
        below = below + (hu >= anchor).astype(jnp.uint8)
    low = mixture.lookup(below, anchors[:-1])
    width = mixture.lookup(below, jnp.diff(anchors))
    fraction = jnp.clip((hu - low) / width, 0.0, 1.0)
    return jnp.stack([below, below + jnp.uint8(1)]), fraction[None]
