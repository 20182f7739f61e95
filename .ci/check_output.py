"""Looks at what the README's first command wrote, with readers that are not physim's."""

import json
import pathlib
import sys

import nibabel
import numpy as np
import pydicom

out = pathlib.Path(sys.argv[1])
cases = sorted(out.glob("case_*"))
assert len(cases) == 4, f"four cases were asked for, {len(cases)} are there"
seen = set()
for case in cases:
    record = json.loads((case / "record.json").read_text(encoding="utf-8"))
    for name in ("t1w", "t2w", "flair", "pd", "labels"):
        image = np.asarray(nibabel.load(case / f"{name}.nii.gz").dataobj)
        sound = image.ndim == 3 and np.isfinite(image).all() and image.std() > 0
        assert sound, (case, name)
    assert (case / "contact_sheet.png").stat().st_size > 20_000
    slices = list((case / "dicom").rglob("*.dcm"))
    assert len(slices) > 100, f"{len(slices)} DICOM files in {case}"
    assert pydicom.dcmread(slices[0])["SyntheticData"].value == "YES"
    seen.add(json.dumps(record["files"], sort_keys=True))
assert len(seen) == 4, "two cases hold the same bits"
sys.stdout.write(f"{len(cases)} cases look right\n")
