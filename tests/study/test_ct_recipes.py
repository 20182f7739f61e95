"""Chests at coarse resolution, scanned and X-rayed: the files and the truth; and the kernels of all CT recipes."""

import h5py
import numpy as np
import pydantic
import pydicom
import pytest
from scipy import ndimage

from physim import io
from physim.ct.reconstruction.windows import Hann, Sharp
from physim.study import recipe
from physim.study.ct_case import window_of
from physim.study.recipe_ct import Kernel
from physim_phantoms import Grid
from tests.study.made_cases import BODY, assert_lesion, made, masks, voxels

IMAGES = ("presentation", "log", "line_integral", "bone_path", "nodule_path")


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    asked = BODY | {"protocol.views": 40, "nodule.diameter": 50.0, "output.sinogram": True}
    return made(tmp_path_factory, "chest-ct", asked)


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory):
    asked = BODY | {"nodule.diameter": 50.0, "protocol.pixel_size": 6.0}
    return made(tmp_path_factory, "chest-radiograph", asked)


def test_kernels_have_windows_and_old_recipes_theirs():
    names = pydantic.TypeAdapter(Kernel).json_schema()["enum"]
    assert len({type(window_of(name)).__name__ for name in names}) >= 5
    assert isinstance(window_of("sharp"), Sharp)
    content = recipe.load("head-ct").model_dump(mode="json")
    assert content["protocol"]["bone_correction"]
    for name in ("kernel", "bone_correction"):  # written before they could be chosen
        del content["protocol"][name]
    old = recipe.from_dict(content)
    assert window_of(old.protocol.kernel) == Hann()
    assert not old.protocol.bone_correction
    with pytest.raises(ValueError, match=r"protocol.kernel is 'b30'; it must be 'smooth', 'soft'"):
        recipe.load("chest-ct", {"protocol.kernel": "b30"})


def test_a_chest_holds_lungs_and_a_nodule(chest):
    folder, parameters = chest
    hu, tissue = voxels(folder, "ct"), masks(folder, parameters)
    assert np.median(hu[tissue["air"]]) < -900
    deep = ndimage.binary_erosion(tissue["lung"], iterations=2)
    assert deep.sum() > 100
    assert -950 < np.median(hu[deep]) < -600
    assert 0 < np.median(hu[tissue["muscle"]]) < 120
    lesion = parameters["nodule"]
    assert lesion["volume_ml"] > 20
    grid = Grid.from_affine(hu.shape, np.array(parameters["grid"]["affine"]))
    place = np.rint(np.asarray(grid.world_to_index(np.array(lesion["centre_mm"])))).astype(int)
    assert hu[tuple(place)] > -300
    share = assert_lesion(folder, "nodule", lesion)
    assert hu[share > 0.9].min() > -300
    with h5py.File(folder / "case.h5") as file:
        np.testing.assert_array_equal(file["nodule"], share)
        columns = parameters["geometry"]["detector_shape"][1]
        assert file["sinogram"].shape == (hu.shape[2], 40, columns)  # a turn for every plane
        assert file["angles"].shape == (40,)
        # The detector of a clinical scanner sees all of the patient: its first and last column see air alone.
        assert np.abs(file["sinogram"][..., [0, -1]]).max() < 0.1
        np.testing.assert_array_equal(file["images/ct"], hu)
    stored, _ = io.read_dicom_folder(folder / "dicom" / "ct")
    np.testing.assert_array_equal(stored, hu)
    assert (folder / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_radiograph_shows_what_the_line_integrals_say(radiograph):
    folder, parameters = radiograph
    assert_lesion(folder, "nodule", parameters["nodule"])
    with h5py.File(folder / "case.h5") as file:
        images = {name: np.asarray(file[f"images/{name}"])[..., 0] for name in IMAGES}
    line, log, shown = images["line_integral"], images["log"], images["presentation"]
    assert log.shape == line.shape == tuple(parameters["geometry"]["detector_shape"])
    assert np.isfinite(log).all()
    body = line > 0.3
    assert np.corrcoef(line[body], log[body])[0, 1] > 0.9
    assert np.corrcoef(line[body], shown[body])[0, 1] > 0.5
    assert 0 <= shown.min() < shown.max() <= 1
    assert 20 < images["nodule_path"].max() < 90
    # The heart and liver are below the lungs, the head end is at the top: y of the grid runs up.
    assert line[:, : line.shape[1] // 4].sum() > line[:, -(line.shape[1] // 4) :].sum()
    stored = pydicom.dcmread(folder / "dicom" / "dx" / "image-0001.dcm")
    assert (stored.Modality, stored.ViewPosition, stored.BodyPartExamined) == ("DX", "PA", "CHEST")
    # The file runs down and to the patient's left, the grid up and to the right.
    np.testing.assert_allclose(stored.pixel_array[::-1, ::-1].T / 4095, shown, atol=0.5 / 4095)
    for name in ("radiograph.png", "contact_sheet.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
