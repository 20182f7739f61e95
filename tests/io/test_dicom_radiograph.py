"""Digital X-ray images: the attributes that the standard requires, the picture itself, and the standard's validator."""

import dataclasses
import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from physim import io
from physim_phantoms import InputError

CASE = io.Case(
    case_id="case-0001",
    study="chest-radiograph seed 7",
    sex="M",
    age=50.0,
    body_part="CHEST",
    version="0.1.0",
)
SERIES = io.DXSeries(
    view="PA",
    pixel_size=(0.8, 0.7),
    kvp=120.0,
    mas=2.4,
    source_to_detector=1850.0,
    source_to_patient=1600.0,
    grid_ratio=12.0,
    description="Chest PA",
)
# Type 1 of the modules that a Digital X-Ray Image must have: PS3.3 table A.26-1 and the tables it names.
TYPE_1 = (
    ("C.7.2.1 general study", ("StudyInstanceUID",)),
    ("C.7.3.1 general series", ("Modality", "SeriesInstanceUID")),
    ("C.8.11.1 DX series", ("PresentationIntentType",)),
    ("C.7.6.3 image pixel", ("Rows", "Columns", "PixelData")),
    ("C.8.11.2 DX anatomy imaged", ("ImageLaterality",)),
    (
        "C.8.11.3 DX image",
        (
            "ImageType",
            "SamplesPerPixel",
            "PhotometricInterpretation",
            "BitsAllocated",
            "BitsStored",
            "HighBit",
            "PixelRepresentation",
            "PixelIntensityRelationship",
            "PixelIntensityRelationshipSign",
            "RescaleIntercept",
            "RescaleSlope",
            "RescaleType",
            "PresentationLUTShape",
            "LossyImageCompression",
            "PatientOrientation",
            "BurnedInAnnotation",
            "WindowCenter",  # 1C: where there is no table of values of interest
            "WindowWidth",
        ),
    ),
    ("C.8.11.4 DX detector", ("ImagerPixelSpacing",)),
    ("C.12.1 SOP common", ("SOPClassUID", "SOPInstanceUID")),
)
TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "Manufacturer",
    "InstanceNumber",
    "AnatomicRegionSequence",
    "DetectorType",
    "AcquisitionContextSequence",
    "PositionerType",
)


def picture(shape=(60, 50)):
    """Every level once at least, and brighter to the right and down."""
    rows, columns = np.indices(shape)
    values = rows + 2.0 * columns
    return values / values.max()


@pytest.fixture
def written(tmp_path):
    io.write_dicom_radiograph(tmp_path / "dx", picture(), SERIES, CASE)
    return pydicom.dcmread(tmp_path / "dx" / "image-0001.dcm")


def test_the_picture_comes_back(written):
    np.testing.assert_allclose(written.pixel_array / 4095, picture(), atol=0.5 / 4095)
    assert written.pixel_array.min() == 0
    assert written.pixel_array.max() == 4095
    shown = pydicom.pixels.apply_windowing(written.pixel_array.astype(float), written)
    np.testing.assert_allclose(shown, written.pixel_array, atol=1e-9)


@pytest.mark.parametrize(("module", "keywords"), TYPE_1, ids=[module for module, _ in TYPE_1])
def test_required_attributes_have_a_value(written, module, keywords):
    for keyword in keywords:
        assert written.get(keyword) not in (None, ""), f"{keyword} of {module}"


def test_attributes_that_may_be_empty_are_there(written):
    assert [keyword for keyword in TYPE_2 if keyword not in written] == []


def test_values_are_those_the_standard_allows(written):
    assert written.file_meta.MediaStorageSOPClassUID == written.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert written.SOPClassUID.name == "Digital X-Ray Image Storage - For Presentation"
    assert (written.Modality, written.PresentationIntentType) == ("DX", "FOR PRESENTATION")
    assert (written.PhotometricInterpretation, written.PresentationLUTShape) == ("MONOCHROME2", "IDENTITY")
    # Bright is little radiation, on a logarithmic scale.
    assert (written.PixelIntensityRelationship, written.PixelIntensityRelationshipSign) == ("LOG", -1)
    assert (written.RescaleIntercept, written.RescaleSlope, written.RescaleType) == (0, 1, "US")
    assert (written.HighBit, written.BitsStored, written.PixelRepresentation) == (11, 12, 0)
    assert written.BurnedInAnnotation == "NO"
    assert written.ImageLaterality == "U"
    assert "Laterality" not in written
    assert "FrameOfReferenceUID" not in written
    assert len(written.ImageType) == 3


def test_how_it_was_taken_is_in_dicom_units(written):
    assert (written.KVP, written.Exposure, written.ExposureInuAs) == (120, 2, 2400)
    assert (written.DistanceSourceToDetector, written.DistanceSourceToPatient) == (1850, 1600)
    assert written.EstimatedRadiographicMagnificationFactor == pytest.approx(1.15625)
    assert written.ImagerPixelSpacing == [0.8, 0.7]
    assert written.GridAspectRatio[0] / written.GridAspectRatio[1] == 12
    assert written.BodyPartExamined == "CHEST"


@pytest.mark.parametrize(
    ("view", "name", "runs"),
    [
        ("PA", "PosteroAnterior", ["L", "F"]),
        ("AP", "AnteroPosterior", ["L", "F"]),
        ("LL", "LeftLateral", ["P", "F"]),
        ("RL", "RightLateral", ["P", "F"]),
    ],
)
def test_views_and_regions_have_the_codes_of_the_standard(tmp_path, view, name, runs):
    io.write_dicom_radiograph(tmp_path / "dx", picture(), dataclasses.replace(SERIES, view=view), CASE)
    data = pydicom.dcmread(tmp_path / "dx" / "image-0001.dcm")
    assert (data.ViewPosition, list(data.PatientOrientation)) == (view, runs)
    for sequence, known in (
        (data.ViewCodeSequence, getattr(codes.SCT, name)),
        (data.AnatomicRegionSequence, codes.SCT.Chest),
    ):
        assert len(sequence) == 1
        item = sequence[0]
        assert (item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning) == tuple(known)[:3]


def test_it_says_that_it_is_synthetic(written):
    assert written[0x0008001C].value == "YES"
    assert list(written.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert written.PatientID == "SYN-case-0001"
    assert written.Manufacturer == "physim"
    purpose = written.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0]
    assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")


def test_same_input_same_bytes_as_pydicom_writes_them(tmp_path):
    for name in "ab":
        io.write_dicom_radiograph(tmp_path / name, picture(), SERIES, CASE)
    first, second = (tmp_path / name / "image-0001.dcm" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    pydicom.dcmread(first).save_as(tmp_path / "again.dcm", enforce_file_format=True)
    assert first.read_bytes() == (tmp_path / "again.dcm").read_bytes()


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("body_part", ["CHEST", ""])
@pytest.mark.parametrize("view", ["PA", "LL"])
def test_validator_of_the_standard_finds_no_error(tmp_path, view, body_part):
    series, case = dataclasses.replace(SERIES, view=view), dataclasses.replace(CASE, body_part=body_part)
    folder = io.write_dicom_radiograph(tmp_path / "dx", picture(), series, case)
    done = subprocess.run(
        ["dciodvfy", folder / "image-0001.dcm"], capture_output=True, text=True, check=False
    )
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    # (0008,001C) Synthetic Data is younger than the validator.
    assert [line for line in errors if "(0x0008,0x001c)" not in line] == []
    assert "DXImageForPresentation" in done.stderr


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((3, 4, 5)), "shape"),
        (np.zeros((3, 4), complex), "real"),
        (np.full((3, 4), np.nan), "NaN"),
        (np.full((3, 4), 1.2), "physim.ct.presentation"),
        (np.full((3, 4), -0.1), "0 \\(black\\)"),
    ],
)
def test_impossible_pictures_leave_nothing(tmp_path, image, words):
    with pytest.raises(InputError, match=words):
        io.write_dicom_radiograph(tmp_path / "dx", image, SERIES, CASE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"view": "lateral"}, "AP, PA, LL, RL"),
        ({"pixel_size": (0.0, 1.0)}, "pixel_size"),
        ({"source_to_detector": -1.0}, "source_to_detector"),
        ({"source_to_patient": 0.0}, "source_to_patient"),
    ],
)
def test_impossible_series(change, words):
    with pytest.raises(InputError, match=words):
        dataclasses.replace(SERIES, **change)
