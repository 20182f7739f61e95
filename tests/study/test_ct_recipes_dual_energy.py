"""Dual-energy CT of the abdomen at coarse resolution: iodine is found where it is, and images order as they must."""

import numpy as np
import pytest
from scipy import ndimage

from tests.study.made_cases import BODY, made, masks, voxels


@pytest.fixture(scope="module")
def abdomen(tmp_path_factory):
    asked = BODY | {
        "protocol.views": 40,
        "contrast.blood": 6.0,
        "contrast.liver": 5.0,
        "contrast.kidney": 8.0,
    }
    return made(tmp_path_factory, "abdomen-ct-dual-energy", asked)


@pytest.mark.slow
def test_iodine_is_found_where_it_is(abdomen):
    folder, parameters = abdomen
    found, truth, tissue = voxels(folder, "iodine"), voxels(folder, "iodine_truth"), masks(folder, parameters)
    pure = tissue["liver"] & (np.abs(truth - 5.0) < 0.25)
    assert pure.sum() > 50
    assert np.mean(found[pure]) == pytest.approx(np.mean(truth[pure]), abs=1.0)
    # Bone looks like iodine, so muscle is judged away from it.
    muscle = ndimage.binary_erosion(tissue["muscle"])
    assert abs(np.median(found[muscle])) < 1.0
    low, high, mono = (voxels(folder, name) for name in ("ct_low", "ct_high", "monoenergetic"))
    # Iodine attenuates soft photons more: 80 kV over 140 kV, and 55 keV over both.
    assert np.mean(mono[pure]) > np.mean(low[pure]) > 1.3 * np.mean(high[pure])
    assert np.mean(voxels(folder, "water")[pure]) == pytest.approx(1.05, abs=0.06)
    for name in ("ct_low", "ct_high", "monoenergetic"):
        assert len(list((folder / "dicom" / name).glob("*.dcm"))) == low.shape[2]
