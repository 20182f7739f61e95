"""What the tests of the CT recipes share: cases made at coarse resolution, and how they are read."""

import json

import nibabel
import numpy as np
import pytest

from physim.study import recipe
from physim.study.cases import make_case

# One shape for all trunks, so that a process compiles them once.
BODY = {
    "grid.spacing": 10.0,
    "grid.field_of_view": [420.0, 300.0, 300.0],
    "protocol.pixel_size": 10.0,
}


def made(tmp_path_factory, name, overrides):
    """The folder and the record of the first case of a recipe."""
    folder = tmp_path_factory.mktemp(name)
    parameters = make_case(recipe.load(name, overrides), 0, folder, offline=True)
    assert json.loads(json.dumps(parameters)) == parameters
    return folder, parameters


def voxels(folder, name):
    """The values of one NIfTI file."""
    return np.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj)


def assert_lesion(folder, name, lesion):
    """Its file holds the share of every voxel that it fills: the recorded volume round the recorded centre; returned."""
    image = nibabel.load(folder / f"{name}.nii.gz")
    share = np.asarray(image.dataobj)
    assert 0 <= share.min() < share.max() <= 1
    volume = share.sum(dtype=float) * abs(np.linalg.det(image.affine[:3, :3])) / 1000
    assert volume == pytest.approx(lesion["volume_ml"], rel=1e-3)
    middle = np.average(np.argwhere(share > 0), axis=0, weights=share[share > 0])
    off = image.affine[:3, :3] @ middle + image.affine[:3, 3] - lesion["centre_mm"]
    assert np.linalg.norm(off) < 10
    return share


def masks(folder, parameters):
    """Where each tissue has the largest share."""
    labels = voxels(folder, "labels")
    return {name: labels == int(number) for number, name in parameters["label_names"].items()}
