"""Objects that are imaged as plates: doped water as thick as a slice, excited as a whole."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from physim import mri
from physim.mri.scan import noisy
from physim_phantoms import TISSUES, Grid, Phantom, Tissue, qa
from physim_phantoms.shapes import Ellipsoid

from .recipe_qa_mri import QaMriRecipe

VIEW, THICK = 256.0, 5.0  # mm
PITCH, CUBE, COUNT = 20.0, 8.0, 11  # mm, mm, cubes along an edge
DIAMETER = 170.0  # mm, of the water
TE, TR = 15e-3, 0.5  # s
_READ = 1.536e-3  # s, of a line


def plate_grid(recipe: QaMriRecipe) -> Grid:
    """The voxels of plates and of their images."""
    count = recipe.images.matrix
    return Grid((count, count, 1), (VIEW / count, VIEW / count, THICK))


def lattice(recipe: QaMriRecipe) -> Phantom:
    """Acrylic cubes in doped water."""
    body, *cubes = qa.resolution_grid_parts(PITCH, CUBE, (COUNT, COUNT, 1))
    return qa.assemble(plate_grid(recipe), [(_doped(), body[1]), *cubes], oversampling=4)


def water(recipe: QaMriRecipe) -> Phantom:
    """The middle of a sphere of doped water."""
    sphere = Ellipsoid((0.0, 0.0, 0.0), DIAMETER / 2)
    return qa.assemble(plate_grid(recipe), [(_doped(), sphere)], oversampling=4)


def scan_plate(recipe: QaMriRecipe, plate: Phantom, scanner: mri.Scanner) -> mri.KSpace:
    """A spin echo of a plate without noise, spin by spin in the fields of the scanner."""
    count = recipe.images.matrix
    sequence = mri.sequences.spin_echo(
        (count, count),
        (VIEW, VIEW),
        TE,
        TR,
        region=mri.sequences.Whole(),
        dwell=round(_READ / count, 7),
        dummies=1,
    )
    sequence = mri.Sequence(sequence.blocks, {**sequence.definitions, "Thickness": THICK})
    quiet = mri.Scanner(
        field=scanner.field,
        noise=0.0,
        transmit=scanner.transmit,
        receive=scanner.receive,
        b0=scanner.b0,
        gradients=scanner.gradients,
    )
    return mri.scan(plate, sequence, quiet, jax.random.key(0), per_voxel=recipe.images.per_voxel)


def acquired(raw: mri.KSpace, scanner: mri.Scanner, key: PRNGKeyArray) -> mri.KSpace:
    """One more acquisition of what `raw` shows, with the noise of the scanner."""
    samples = raw.samples if raw.coils > 1 else raw.samples[None]
    return noisy(samples, raw.grid, scanner, key)


def magnitude(raw: mri.KSpace) -> Float[np.ndarray, "x y 1"]:
    """The image."""
    return np.asarray(mri.reconstruct(raw), np.float32)


def _doped() -> Tissue:
    """Water with some nickel chloride, as scanners' makers fill their test objects with."""
    t1, t2 = [0.2] * 3, [0.15] * 3
    return TISSUES["water"].replace(name="doped_water", t1=t1, t2=t2, t2_star=t2)
