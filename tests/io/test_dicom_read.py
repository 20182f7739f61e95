"""DICOM folders as they come: shuffled names, several series, gaps, damage."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import UID, RLELossless

from physim import io
from physim.io.dicom_read import _header, _pixels
from physim_phantoms import InputError
from tests.io.worlds import GRIDS, place

GRID = GRIDS["rotated"]
CASE = io.Case(case_id="1")


@pytest.fixture
def folder(tmp_path):
    return io.write_dicom_series(tmp_path / "series", place(GRID), GRID, io.CTSeries(number=1), CASE)


def edit(path, **values):
    data = pydicom.dcmread(path)
    for keyword, value in values.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.save_as(path)


def files(folder):
    return sorted(folder.glob("*.dcm"))


def assert_refused(folder, words, **options):
    with pytest.raises(InputError, match=words) as caught:
        io.read_dicom_folder(folder, **options)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_names_do_not_matter(folder):
    for index, path in enumerate(files(folder)):
        path.rename(folder / f"IM{(index * 3) % 5}")  # no suffix, shuffled
    (folder / "DICOMDIR").write_text("index")
    (folder / "notes.txt").write_text("not an image")
    array, grid = io.read_dicom_folder(folder)
    np.testing.assert_allclose(array, place(grid), atol=0.51)


def test_slices_below_the_folder_are_found(folder):
    (folder / "disk2").mkdir()
    path = files(folder)[3]
    path.rename(folder / "disk2" / path.name)
    assert io.read_dicom_folder(folder)[0].shape == GRID.shape


def test_every_slice_has_its_own_slope(folder):
    for index, path in enumerate(files(folder)):
        data = pydicom.dcmread(path)
        stored = data.pixel_array.astype(float) - 1024
        slope = 0.25 + 0.25 * index
        data.RescaleSlope, data.RescaleIntercept = slope, -3.0
        data.set_pixel_data(np.rint((stored + 3) / slope).astype(np.uint16), "MONOCHROME2", 16)
        data.save_as(path)
    array, grid = io.read_dicom_folder(folder)
    np.testing.assert_allclose(array, place(grid), atol=1.3)


def test_several_series_need_a_choice(folder):
    other = GRIDS["plain"]
    for series in (io.CTSeries(number=2, description="bone"), io.CTSeries(number=7, description="lung")):
        target = folder / f"s{series.number}"
        io.write_dicom_series(target, place(other), other, series, CASE)
    assert_refused(folder, r"3 series: .*2 \(CT bone, 5 slices\).*; choose one with series=")
    assert_refused(folder, "no series 4", series=4)
    array, grid = io.read_dicom_folder(folder, series=7)
    np.testing.assert_allclose(array, place(grid), atol=0.51)
    uid = next(uid for uid, line in io.list_series(folder).items() if "bone" in line)
    np.testing.assert_allclose(io.read_dicom_folder(folder, series=uid)[0], place(grid), atol=0.51)


def test_missing_slice_is_named(folder):
    files(folder)[2].unlink()
    assert_refused(
        folder, r"gap between slice-000[24]\.dcm and slice-000[24]\.dcm is 4\.000 mm, the usual one 2\.000 mm"
    )


def test_slice_slightly_off_is_refused(folder):
    first, second = (np.array(pydicom.dcmread(p).ImagePositionPatient) for p in files(folder)[:2])
    edit(files(folder)[-1], ImagePositionPatient=list(first + 4.1 * (second - first)))
    assert_refused(folder, "gap")


def test_two_volumes_in_one_series(folder):
    path = files(folder)[1]
    (folder / "copy.dcm").write_bytes(path.read_bytes())
    assert_refused(folder, "same place")


def test_tilted_gantry(folder):
    for index, path in enumerate(files(folder)):
        data = pydicom.dcmread(path)
        along = np.array(data.ImageOrientationPatient[3:]) * index * 0.5
        edit(path, ImagePositionPatient=list(np.array(data.ImagePositionPatient) + along))
    assert_refused(folder, r"14\.0 degrees")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ImagePositionPatient": None}, "ImagePositionPatient"),
        ({"PixelSpacing": None}, "PixelSpacing"),
        ({"PixelSpacing": [2, 2]}, "PixelSpacing"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "ImageOrientationPatient"),
        ({"Rows": 4}, "pixels"),
        ({"NumberOfFrames": 2}, "multi-frame"),
        ({"SamplesPerPixel": 3}, "colour"),
    ],
)
def test_slices_that_do_not_belong_together(folder, change, words):
    edit(files(folder)[2], **change)
    assert_refused(folder, words)


def test_one_slice_needs_a_thickness(folder):
    for path in files(folder)[1:]:
        path.unlink()
    assert io.read_dicom_folder(folder)[1].spacing[2] == 2.0
    edit(files(folder)[0], SliceThickness=None, SpacingBetweenSlices=None)
    assert_refused(folder, "thickness")


@pytest.mark.parametrize("kept", [0.0, 0.05, 0.3, 0.6, 0.95])
def test_truncated_slice_is_named(folder, kept):
    path = files(folder)[2]
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    assert_refused(
        folder, rf"{path.name} is (empty|no readable DICOM file, or truncated)|{path.name} has no "
    )


def test_compressed_without_decoder(folder):
    path = files(folder)[2]
    data = pydicom.dcmread(path)
    frame = encapsulate([b"\xff\xd8\xff\xe0 no decoder will see this"])
    data.PixelData = frame
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.70")
    data.save_as(path)
    assert_refused(folder, "compressed .*JPEG Lossless.* no installed decoder|no readable DICOM")


def test_run_length_encoding_is_decoded(folder):
    for path in files(folder):
        data = pydicom.dcmread(path)
        data.compress(RLELossless, generate_instance_uid=False)
        data.save_as(path)
    array, grid = io.read_dicom_folder(folder)
    np.testing.assert_allclose(array, place(grid), atol=0.51)


def test_no_images(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path / "empty", "no DICOM images")
    assert_refused(tmp_path / "serie", r"does not exist; did you mean series\?")
    assert_refused(files(folder)[0], "is a file")
    (tmp_path / "empty" / "a.dcm").write_text("not DICOM")
    assert_refused(tmp_path / "empty", r"a\.dcm is no readable DICOM")


def test_a_real_scanner_file_is_read():
    path = Path(str(get_testdata_file("CT_small.dcm")))
    plane = _pixels(_header(path))
    assert plane.shape == (128, 128)
    data = pydicom.dcmread(path)
    np.testing.assert_array_equal(plane, data.pixel_array * 1.0 + float(data.RescaleIntercept))
