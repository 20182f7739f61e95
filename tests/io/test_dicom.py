"""DICOM: positions against nibabel's own DICOM geometry, marks, determinism, the standard's validator."""

import dataclasses
import math
import shutil
import subprocess
import time

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from physim import io
from physim.io.dicom_tags import number, unique_id
from physim_phantoms import Grid, InputError
from tests.io.worlds import GRIDS, place, rotation

CASE = io.Case(
    case_id="case-0001",
    study="brain-glioma-mri seed 7",
    sex="F",
    age=61.4,
    height=166.0,
    weight=70.5,
    body_part="BRAIN",
    version="0.1.0",
    record_hash="ab" * 32,
    source="MNI152",
)
CT = io.CTSeries(description="head", number=2, kvp=120.0, mas=200.0, kernel="ramp", window=(40.0, 80.0))
MR = io.MRSeries(
    description="FLAIR",
    number=3,
    scanning_sequence=("IR", "SE"),
    repetition_time=9.0,
    echo_time=0.1,
    inversion_time=2.2,
    flip_angle=math.pi / 2,
)


def slices(folder):
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("series", [CT, MR], ids=["CT", "MR"])
def test_volume_comes_back_at_the_same_place(tmp_path, name, series):
    grid = GRIDS[name]
    folder = io.write_dicom_series(tmp_path / "series", place(grid), grid, series, CASE)
    array, new = io.read_dicom_folder(folder)
    step = 1.0 if series is CT else place(grid).max() / 4095
    np.testing.assert_allclose(array, place(new), atol=0.5 * step + 1e-3)
    assert array.dtype == np.float32


@pytest.mark.parametrize("name", GRIDS)
def test_nifti_and_dicom_of_one_volume_agree(tmp_path, name):
    grid = GRIDS[name]
    hu = np.rint(place(grid))
    by_dicom, grid_dicom = io.read_image(io.write_dicom_series(tmp_path / "series", hu, grid, CT, CASE))
    by_nifti, grid_nifti = io.read_image(io.write_nifti(tmp_path / "a.nii.gz", hu, grid))
    np.testing.assert_array_equal(by_dicom, by_nifti)
    np.testing.assert_allclose(grid_dicom.affine, grid_nifti.affine, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The DICOM readers are highly experimental")
@pytest.mark.parametrize("name", ["shifted", "rotated"])
def test_geometry_by_another_reader(tmp_path, name):
    from nibabel.nicom.dicomwrappers import wrapper_from_data

    grid = GRIDS[name]
    for data in slices(io.write_dicom_series(tmp_path / "series", place(grid), grid, CT, CASE)):
        affine = wrapper_from_data(data).affine  # (row, column, slice) to LPS
        row, column = 2, 3
        lps = (affine @ [row, column, 0, 1])[:3]
        index = grid.world_to_index(lps * [-1, -1, 1])
        np.testing.assert_allclose(index, np.rint(index), atol=1e-4)
        i, j, k = np.rint(index).astype(int)
        assert data.pixel_array[row, column] - 1024 == np.rint(place(grid)[i, j, k])


def test_axial_slices_look_as_radiologists_expect(tmp_path):
    grid = Grid((6, 7, 4), (1.0, 2.0, 3.0))
    hu = np.zeros(grid.shape)
    hu[0, -1, 0] = 500.0  # left, front, lowest
    first, *_, last = slices(io.write_dicom_series(tmp_path / "series", hu, grid, CT, CASE))
    assert first.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]
    assert first.pixel_array[0, -1] == 1524, "front is up, the patient's left is on the right"
    assert first.PixelSpacing == [2, 1]
    assert first.SliceThickness == first.SpacingBetweenSlices == 3
    assert last.ImagePositionPatient[2] - first.ImagePositionPatient[2] == 9
    assert first.ImagePositionPatient[:2] == [-2.5, -6.0]
    assert (first.Rows, first.Columns) == (7, 6)


def test_hounsfield_units_are_clipped_to_twelve_bits(tmp_path):
    hu = np.array([-5000.0, -1024.0, -0.4, 3071.0, 9000.0]).reshape(1, 5, 1)
    array, _ = io.read_dicom_folder(
        io.write_dicom_series(tmp_path / "s", hu, Grid((1, 5, 1)), dataclasses.replace(CT), CASE)
    )
    assert array.ravel().tolist() == [-1024.0, -1024.0, 0.0, 3071.0, 3071.0]


@pytest.mark.parametrize("series", [CT, MR], ids=["CT", "MR"])
def test_every_file_says_that_it_is_synthetic(tmp_path, series):
    grid = Grid((5, 6, 3))
    for data in slices(io.write_dicom_series(tmp_path / "s", np.ones(grid.shape), grid, series, CASE)):
        assert data[0x0008001C].value == "YES"
        assert list(data.ImageType[:2]) == ["DERIVED", "SECONDARY"]
        assert data.Manufacturer == "physim"
        assert data.SoftwareVersions == "0.1.0"
        assert data.PatientID == "SYN-case-0001"
        assert str(data.PatientName).startswith("SYNTHETIC^")
        equipment = data.ContributingEquipmentSequence[0]
        purpose = equipment.PurposeOfReferenceCodeSequence[0]
        assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")
        assert "ab" * 32 in data.DerivationDescription
        assert "MNI152" in data.DerivationDescription
        assert (data.PatientAge, data.PatientSize, data.PatientWeight) == ("061Y", 1.66, 70.5)


def test_mr_attributes_are_in_dicom_units(tmp_path):
    grid = Grid((5, 6, 3))
    data = slices(io.write_dicom_series(tmp_path / "s", np.ones(grid.shape), grid, MR, CASE))[0]
    assert (data.RepetitionTime, data.EchoTime, data.InversionTime, data.FlipAngle) == (9000, 100, 2200, 90)
    assert (data.MagneticFieldStrength, data.MRAcquisitionType) == (3, "3D")
    assert data.ImagingFrequency == pytest.approx(127.73, abs=0.01)
    assert data.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.4"


def test_series_of_a_case_share_study_and_space_but_nothing_else(tmp_path):
    grid = Grid((5, 6, 3))
    image = np.ones(grid.shape)
    ct = slices(io.write_dicom_series(tmp_path / "ct", image, grid, CT, CASE))
    mr = slices(io.write_dicom_series(tmp_path / "mr", image, grid, MR, CASE))
    other = slices(
        io.write_dicom_series(tmp_path / "o", image, grid, CT, dataclasses.replace(CASE, case_id="case-0002"))
    )
    assert ct[0].FrameOfReferenceUID == mr[0].FrameOfReferenceUID != other[0].FrameOfReferenceUID
    assert ct[0].StudyInstanceUID == mr[0].StudyInstanceUID != other[0].StudyInstanceUID
    uids = [d.SOPInstanceUID for d in ct + mr + other]
    assert len(set(uids)) == len(uids)
    assert len({d.SeriesInstanceUID for d in ct + mr + other}) == 3


def test_same_input_same_bytes_and_no_clock(tmp_path):
    grid = GRIDS["rotated"]
    first = io.write_dicom_series(tmp_path / "a", place(grid), grid, MR, CASE)
    time.sleep(1.1)
    second = io.write_dicom_series(tmp_path / "b", place(grid), grid, MR, CASE)
    assert [io.sha256(p) for p in sorted(first.iterdir())] == [io.sha256(p) for p in sorted(second.iterdir())]
    data = slices(first)[0]
    assert data.StudyDate == data.StudyTime == data.ContentDate == data.PatientBirthDate == ""


def test_fast_encoding_is_what_pydicom_itself_writes(tmp_path):
    grid = GRIDS["rotated"]
    folder = io.write_dicom_series(tmp_path / "a", place(grid), grid, MR, CASE)
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        data.save_as(tmp_path / "again.dcm", enforce_file_format=True)
        assert path.read_bytes() == (tmp_path / "again.dcm").read_bytes()


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("body_part", ["BRAIN", ""])
@pytest.mark.parametrize("series", [CT, MR], ids=["CT", "MR"])
def test_validator_of_the_standard_finds_no_error(tmp_path, series, body_part):
    grid = Grid((5, 6, 3))
    case = dataclasses.replace(CASE, body_part=body_part)
    folder = io.write_dicom_series(tmp_path / "s", np.ones(grid.shape), grid, series, case)
    for path in folder.iterdir():
        done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
        # (0008,001C) Synthetic Data is younger than the validator.
        assert [line for line in errors if "(0x0008,0x001c)" not in line] == []
        assert ("CTImage" if series is CT else "MRImage") in done.stderr


@pytest.mark.parametrize(
    "value", [0.1, -1 / 3, 1e-7, 123456789.123456789, -1234567.891, 1e22, -2.2250738585072014e-308, 0.0, 5]
)
def test_decimal_strings_fit_and_keep_their_digits(value):
    assert len(number(value)) <= 16
    assert float(number(value)) == pytest.approx(value, rel=1e-9)


def test_unique_ids_are_legal_and_distinct():
    uids = {unique_id("a", i) for i in range(200)} | {unique_id("a\x1fb"), unique_id("ab")}
    assert len(uids) == 202
    assert all(UID(uid).is_valid and len(uid) <= 64 for uid in uids)
    assert unique_id("a", 1) == unique_id("a", 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: io.Case(case_id=""), "case_id"),
        (lambda: io.Case(case_id="a\\b"), "case_id"),
        (lambda: io.Case(case_id="a", sex="female"), "sex"),
        (lambda: io.Case(case_id="a", age=-3.0), "age"),
        (lambda: io.Case(case_id="a", body_part="knee joint, left"), "body_part"),
        (lambda: io.MRSeries(scanning_sequence=("FSE",)), "scanning_sequence"),
        (lambda: io.MRSeries(scanning_sequence=("IR",)), "inversion_time"),
        (lambda: io.MRSeries(dimensions=4), "dimensions"),
    ],
)
def test_impossible_cases_and_series(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("image", "series", "words"),
    [
        (np.zeros((5, 6, 4)), CT, "shape"),
        (np.full((5, 6, 3), np.nan), CT, "NaN"),
        (np.full((5, 6, 3), -1.0), MR, "magnitude"),
        (np.ones((5, 6, 3), complex), MR, "real numbers"),
    ],
)
def test_impossible_images_leave_nothing(tmp_path, image, series, words):
    with pytest.raises(InputError, match=words):
        io.write_dicom_series(tmp_path / "s", image, Grid((5, 6, 3)), series, CASE)
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_is_kept_unless_replaced(tmp_path):
    grid = Grid((3, 3, 2), direction=rotation(2, 0.1))
    io.write_dicom_series(tmp_path / "s", np.ones(grid.shape), grid, CT, CASE)
    with pytest.raises(FileExistsError, match="replace=True"):
        io.write_dicom_series(tmp_path / "s", np.zeros(grid.shape), grid, CT, CASE)
    assert io.read_dicom_folder(tmp_path / "s")[0].max() == 1
    io.write_dicom_series(tmp_path / "s", np.zeros(grid.shape), grid, CT, CASE, replace=True)
    assert io.read_dicom_folder(tmp_path / "s")[0].max() == 0


def test_black_mr_image(tmp_path):
    grid = Grid((3, 3, 2))
    folder = io.write_dicom_series(tmp_path / "s", np.zeros(grid.shape), grid, MR, CASE)
    assert io.read_dicom_folder(folder)[0].max() == 0
