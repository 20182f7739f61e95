"""`accelerated-mri`: patient, head array, raw data in full and undersampled, reconstructions, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PRNGKeyArray

from physim.io import write_nifti
from physim_phantoms import Phantom

from .accelerated_files import write_raw
from .accelerated_images import errors, reconstruct_all, title_of
from .accelerated_scan import Acquisition, acquire
from .case_files import labelled, write_labels
from .contact_sheet import Column, contact_sheet, window_over
from .draws import drawn, drawn_sex
from .glioma_patient import make_patient
from .glioma_scan import sequence_record
from .recipe_accelerated import AcceleratedMriRecipe

_GAIN = 5  # of the error maps on the page
_OFF_MIDLINE = 8.0  # mm, of the sagittal plane: between the hemispheres there is little but fluid


def make(
    recipe: AcceleratedMriRecipe, key: PRNGKeyArray, index: int, folder: Path, **fetching: Any
) -> dict[str, Any]:
    """Makes one case in `folder` and returns all its numbers, ready for JSON."""
    numbers = drawn(recipe, key)
    sex = drawn_sex(recipe.patient.sex, key)
    patient, source = make_patient(recipe, key, numbers, sex, **fetching)
    scan = acquire(recipe, patient, key, numbers)
    images = reconstruct_all(recipe, scan)
    head = np.asarray(patient.fraction("air")) < 0.5
    labels, names = labelled(patient)
    record = {
        "quantities": numbers,
        "sex": sex,
        "anatomy": source,
        "sequence": sequence_record(scan.sequence),
        "sampling": _sampling_record(scan),
        "noise": scan.deviation,
        "errors": {name: errors(image, scan.truth, head) for name, image in images.items()},
        "label_names": names,
        "grid": {"shape": list(scan.grid.shape), "affine": scan.grid.affine.tolist()},
    }
    write_labels(folder, labels, names, patient)
    write_nifti(folder / "truth.nii.gz", scan.truth, scan.grid, description="noise-free signal, synthetic")
    for name, image in images.items():
        write_nifti(folder / f"{name}.nii.gz", image, scan.grid)
    patient_id = f"{recipe.name}-{recipe.seed}-{index + 1:04d}"
    write_raw(recipe, folder, scan, patient_id, sex, numbers["scanner.field"])
    _write_sheet(recipe, index, folder, patient, scan, images, record)
    return record


def _sampling_record(scan: Acquisition) -> dict[str, Any]:
    acquired = scan.lines.acquired
    return {
        "lines": len(acquired),
        "acquired": np.flatnonzero(acquired).tolist(),
        "centre": np.flatnonzero(scan.lines.centre).tolist(),
        "acceleration_in_all": len(acquired) / int(acquired.sum()),
    }


def _write_sheet(
    recipe: AcceleratedMriRecipe,
    index: int,
    folder: Path,
    patient: Phantom,
    scan: Acquisition,
    images: Mapping[str, np.ndarray],
    record: Mapping[str, Any],
) -> None:
    """Truth, images and their errors, all in one window; errors brighter by the gain that their title names."""
    brain = np.asarray(patient.mix(patient.values("tumour_diffusivity") > 0)) > 0.5
    window = window_over(scan.truth, brain)
    titles = ["FULLY SAMPLED", "ZERO-FILLED", title_of(recipe.reconstruction.method)]
    columns = [Column("TRUTH", scan.truth, "noise-free signal", window)]
    for title, (name, image) in zip(titles, images.items(), strict=True):
        off = record["errors"][name]
        note = f"NRMSE {100 * off['nrmse']:.1f} %  PSNR {off['psnr_db']:.1f} dB"
        columns.append(Column(title, image, note, window))
    for title, image in list(zip(titles, images.values(), strict=True))[1:]:
        off = np.abs(image - scan.truth)
        columns.append(Column(f"ERROR × {_GAIN}", off, title, (0.0, window[1] / _GAIN)))
    contact_sheet(
        folder / "contact_sheet.png",
        columns,
        patient.grid,
        np.asarray(scan.grid.centre) + np.array([_OFF_MIDLINE, 0.0, 0.0]),
        heading=f"{recipe.name}   case {index + 1:04d}",
        details=_details(recipe, scan, record),
    )


def _details(recipe: AcceleratedMriRecipe, scan: Acquisition, record: Mapping[str, Any]) -> str:
    sampling = record["sampling"]
    times = f"TR {1000 * float(scan.sequence.tr):.0f} ms  TE {1000 * float(scan.sequence.te):.0f} ms"
    who = f"{'woman' if record['sex'] == 'F' else 'man'}, {int(record['quantities']['patient.age'])} years"
    return (
        f"{who}   ·   {recipe.sequences.contrast.upper()}  {times}   ·   {record['quantities']['scanner.field']:g} T, "
        f"{recipe.scanner.coils} coils   ·   {len(sampling['acquired'])} of {sampling['lines']} lines, "
        f"{recipe.sampling.pattern}"
    )
