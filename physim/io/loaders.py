"""The fetched data as arrays, ready for `anatomy.from_probability_maps` and `anatomy.from_ct`."""

from __future__ import annotations

import plistlib
from collections.abc import Callable

import numpy as np

from physim_phantoms import Grid, InputError

from .fetcher import fetch
from .nifti import read_nifti
from .nrrd import read_nrrd

Announce = Callable[[str], None] | None
Progress = Callable[[int, int], None] | None


def load_mni152(
    *, offline: bool = False, announce: Announce = None, progress: Progress = None
) -> tuple[dict[str, np.ndarray], Grid]:
    """The MNI152 average brain at 1 mm: `grey_matter`, `white_matter` and `t1`, all 0...1, float32.

    The files hold bytes; 255 is a probability of one, and the two maps nowhere sum to more than that. CSF is
    not among them: inside the brain it is what is left. The world is MNI space. Fetched as `fetch` does.
    """
    folder = fetch("mni152", offline=offline, announce=announce, progress=progress)
    maps, grids = {}, []
    for name in ("grey_matter", "white_matter", "t1"):
        stored, grid = read_nifti(folder / f"{name}.nii.gz")
        maps[name] = stored.astype(np.float32) / np.float32(255)
        grids.append(grid)
    return maps, grids[0]


def load_cranium_ct(
    *, offline: bool = False, announce: Announce = None, progress: Progress = None
) -> tuple[np.ndarray, Grid]:
    """A real head CT in HU, float32, from the upper jaw to the vertex; centred on the world origin.

    The project file keeps slices from the feet upwards and rows from back to front, as its pictures show. It
    does not record left and right: columns are taken to run from the patient's right to left, as in DICOM.
    """
    folder = fetch("cranium-ct", offline=offline, announce=announce, progress=progress)
    project = plistlib.loads((folder / "main.plist").read_bytes())
    slices, rows, columns = project["matrix"]["shape"]
    stored = np.frombuffer((folder / "matrix.dat").read_bytes(), "<i2").reshape(slices, rows, columns)
    hu = np.ascontiguousarray(stored.transpose(2, 1, 0)[::-1], dtype=np.float32)
    return hu, Grid(hu.shape, project["spacing"])


def load_lung_ct(
    which: int = 1, *, offline: bool = False, announce: Announce = None, progress: Progress = None
) -> tuple[np.ndarray, np.ndarray, Grid]:
    """A real chest CT in HU (float32), its tumour mask (uint8, 0 or 1) and their grid; `which` is 1 or 2."""
    if which not in (1, 2):
        raise InputError(f"which is {which}; it must be 1 or 2")
    folder = fetch("lung-ct", offline=offline, announce=announce, progress=progress)
    hu, grid = read_nrrd(folder / f"lung{which}_image.nrrd")
    mask, _ = read_nrrd(folder / f"lung{which}_label.nrrd")
    return hu.astype(np.float32), (mask > 0).astype(np.uint8), grid
