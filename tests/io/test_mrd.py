"""MRD files: the `ismrmrd` package reads what was written and writes what is read; broken files are one line."""

import time
import warnings
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

with warnings.catch_warnings():
    # Newer Pythons deprecate the way in which the package lays out its C structures.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ismrmrd

from physim import io
from physim_phantoms import InputError
from tests.helper import unchecked
from tests.io.rawdata import header, image_by_fft, kspace_of, lopsided

VIEW = (256.0, 160.0, 120.0)
FULL = io.MRDHeader(
    encodings=(
        io.Encoding(
            encoded=io.EncodingSpace((64, 20, 12), VIEW),
            recon=io.EncodingSpace((32, 20, 12), (128.0, 160.0, 120.0)),
            limits=io.EncodingLimits(
                kspace_encoding_step_1=io.Limit(0, 18, 10),
                repetition=io.Limit(0, 4, 0),
                slice=io.Limit(0, 2, 1),
            ),
            acceleration=(2, 3),
            calibration="embedded",
            echo_train_length=4,
        ),
        io.Encoding(encoded=io.EncodingSpace((48, 48, 1), (240.0, 240.0, 5.0)), trajectory="spiral"),
    ),
    field=2.89,
    receiver_channels=6,
    tr=0.03,
    te=(0.0049, 0.0123),
    ti=1.1,
    flip_angle=np.radians(12.5).item(),
    sequence_type="SPGR",
    protocol="Kopf <µ> & more",
    model="virtual",
    patient_id="SYN-1",
    patient_name="Case 1",
    sex="F",
    weight=61.5,
    patient_position="FFDL",
)


def samples(count=7, coils=5, length=9, seed=0):
    rng = np.random.default_rng(seed)
    shape = (count, coils, length)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def full(count=7, coils=5, length=9):
    """Read-outs in which every field is different from its default and from row to row."""
    n, rng = np.arange(count), np.random.default_rng(1)
    return io.RawAcquisitions(
        samples=samples(count, coils, length),
        counters=io.Counters(
            kspace_encode_step_1=n,
            kspace_encode_step_2=n + 1,
            average=n + 2,
            slice=n % 3,
            contrast=n + 4,
            phase=n + 5,
            repetition=n % 5,
            set=n + 7,
            segment=n + 8,
            user=np.arange(8 * count).reshape(count, 8),
        ),
        dwell=2.5e-6 + 1e-6 * n,
        time=0.007 * n + 0.005,
        trajectory=rng.uniform(-0.1, 0.1, (count, length, 3)),
        encoding=n % 2 * 0,
        flags=(np.uint64(1) << n.astype(np.uint64)) | np.uint64(1 << 60),
        centre_sample=n % length,
        position=rng.uniform(-90, 90, (count, 3)),
        read=np.array([0.0, 0.6, 0.8]),
        phase=np.array([1.0, 0.0, 0.0]),
        slice=np.array([0.0, 0.8, -0.6]),
        table=(1.0, 2.0, 3.0),
        scan_counter=n + 70000,
        measurement=2**31 + 3,
        physiology=np.arange(3 * count).reshape(count, 3),
        discard=np.stack([n % 3, n % 2], axis=1),
        available_channels=6,
        user_int=-np.arange(8 * count).reshape(count, 8),
        user_float=rng.normal(size=(count, 8)),
    )


def opened(path):
    """The header and acquisitions of a file as the format's own package sees them."""
    with ismrmrd.Dataset(str(path), create_if_needed=False) as file:
        document = ismrmrd.xsd.CreateFromDocument(file.read_xml_header())
        return document, [file.read_acquisition(i) for i in range(file.number_of_acquisitions())]


def test_the_package_reads_every_acquisition(tmp_path):
    ours = full()
    _, theirs = opened(io.write_mrd(tmp_path / "a.h5", ours, FULL))
    assert len(theirs) == 7
    lps, voxel = np.array([-1.0, -1.0, 1.0]), np.array([256 / 64, 160 / 20, 120 / 12])
    for i, line in enumerate(theirs):
        np.testing.assert_array_equal(line.data, ours.samples[i])
        assert line.sample_time_us == np.float32(2.5 + i)
        assert line.acquisition_time_stamp == 7 * i + 5
        np.testing.assert_allclose(line.traj, np.asarray(ours.trajectory)[i] * voxel, rtol=1e-6)
        assert (line.version, line.number_of_samples, line.active_channels) == (1, 9, 5)
        assert (line.available_channels, line.channel_mask[0], line.channel_mask[1]) == (6, 31, 0)
        assert (line.center_sample, line.encoding_space_ref, line.measurement_uid) == (i, 0, 2**31 + 3)
        assert (line.scan_counter, line.discard_pre, line.discard_post) == (70000 + i, i % 3, i % 2)
        assert line.is_flag_set(i + 1)  # the format counts bits from 1
        assert line.is_flag_set(ismrmrd.ACQ_USER5)
        np.testing.assert_allclose(line.position, np.asarray(ours.position)[i] * lps, rtol=1e-6)
        np.testing.assert_allclose(line.read_dir, [0.0, -0.6, 0.8], rtol=1e-6)
        np.testing.assert_allclose(line.phase_dir, [-1.0, 0.0, 0.0], rtol=1e-6)
        np.testing.assert_allclose(line.slice_dir, [0.0, -0.8, -0.6], rtol=1e-6)
        assert tuple(line.patient_table_position) == (-1.0, -2.0, 3.0)
        assert tuple(line.physiology_time_stamp) == (3 * i, 3 * i + 1, 3 * i + 2)
        assert tuple(line.user_int) == tuple(-np.arange(8 * i, 8 * i + 8))
        np.testing.assert_allclose(line.user_float, np.asarray(ours.user_float)[i], rtol=1e-6)
        counters = {
            "kspace_encode_step_1": i,
            "kspace_encode_step_2": i + 1,
            "average": i + 2,
            "slice": i % 3,
        }
        counters |= {"contrast": i + 4, "phase": i + 5, "repetition": i % 5, "set": i + 7, "segment": i + 8}
        assert {name: getattr(line.idx, name) for name in counters} == counters
        assert tuple(line.idx.user) == tuple(range(8 * i, 8 * i + 8))


def test_the_package_reads_the_header_in_its_units(tmp_path):
    document, _ = opened(io.write_mrd(tmp_path / "a.h5", full(), FULL))
    first, second = document.encoding
    assert (first.encodedSpace.matrixSize.x, first.encodedSpace.matrixSize.z) == (64, 12)
    assert (first.reconSpace.matrixSize.x, first.reconSpace.fieldOfView_mm.x) == (32, 128.0)
    limits = first.encodingLimits
    assert (limits.kspace_encoding_step_0.maximum, limits.kspace_encoding_step_0.center) == (63, 32)
    assert (limits.kspace_encoding_step_1.maximum, limits.kspace_encoding_step_1.center) == (18, 10)
    assert (limits.repetition.maximum, limits.average) == (4, None)
    assert (first.trajectory.value, second.trajectory.value) == ("cartesian", "spiral")
    assert first.parallelImaging.accelerationFactor.kspace_encoding_step_2 == 3
    assert first.parallelImaging.calibrationMode.value == "embedded"
    assert (first.echoTrainLength, second.parallelImaging) == (4, None)
    sequence = document.sequenceParameters
    assert (sequence.TR, sequence.TE, sequence.TI) == ([30.0], [4.9, 12.3], [1100.0])
    assert (sequence.flipAngle_deg, sequence.sequence_type) == ([12.5], "SPGR")
    system = document.acquisitionSystemInformation
    assert (system.systemFieldStrength_T, system.receiverChannels, system.systemVendor) == (2.89, 6, "physim")
    assert document.experimentalConditions.H1resonanceFrequency_Hz == round(2.89 * 42.577478e6)
    subject = document.subjectInformation
    assert (subject.patientID, subject.patientGender, subject.patientWeight_kg) == ("SYN-1", "F", 61.5)
    assert document.measurementInformation.patientPosition.value == "FFDL"
    assert document.measurementInformation.protocolName == "Kopf <µ> & more"


def test_elements_stand_in_the_order_of_the_schema(tmp_path):
    document, _ = opened(io.write_mrd(tmp_path / "a.h5", full(), FULL))
    ours, theirs = io.read_mrd(tmp_path / "a.h5").xml, ismrmrd.xsd.ToXML(document, encoding="utf-8")
    tags = [
        [element.tag for element in ElementTree.fromstring(text.encode()).iter()] for text in (ours, theirs)
    ]
    assert tags[0] == tags[1]


def test_everything_comes_back(tmp_path):
    ours, spiral = full(), io.RawAcquisitions(samples=samples(3, 2, 30), encoding=1, dwell=1e-6)
    content = io.read_mrd(io.write_mrd(tmp_path / "a.h5", [ours, spiral, ours], FULL))
    assert content.header == FULL
    assert [batch.samples.shape for batch in content.acquisitions] == [(7, 5, 9), (3, 2, 30), (7, 5, 9)]
    for again in (content.acquisitions[0], content.acquisitions[2]):
        for name, value in vars(ours).items():
            if name != "counters":
                np.testing.assert_allclose(getattr(again, name), value, rtol=1e-6, atol=1e-9, err_msg=name)
        for name, value in vars(ours.counters).items():
            np.testing.assert_array_equal(getattr(again.counters, name), value)
    assert content.acquisitions[1].trajectory is None


def test_files_of_the_package_are_read(tmp_path):
    path, text = tmp_path / "theirs.h5", io.read_mrd(io.write_mrd(tmp_path / "a.h5", full(), FULL)).xml
    data = samples(4, 3, 16)
    with ismrmrd.Dataset(str(path)) as file:
        file.write_xml_header(ismrmrd.xsd.ToXML(ismrmrd.xsd.CreateFromDocument(text)).encode())
        for i, line in enumerate(data):
            acquisition = ismrmrd.Acquisition.from_array(line, np.full((16, 2), 0.125 * i, np.float32))
            acquisition.idx.kspace_encode_step_1 = 3 * i
            acquisition.sample_time_us = 4.0
            acquisition.position[:] = (1.0, 2.0, 3.0)
            acquisition.set_flag(ismrmrd.ACQ_IS_REVERSE)
            file.append_acquisition(acquisition)
    content = io.read_mrd(path)
    assert content.header == FULL
    (batch,) = content.acquisitions
    np.testing.assert_array_equal(batch.samples, data)
    np.testing.assert_array_equal(batch.counters.kspace_encode_step_1, [0, 3, 6, 9])
    np.testing.assert_allclose(batch.dwell, 4e-6)
    np.testing.assert_allclose(np.asarray(batch.position)[0], [-1.0, -2.0, 3.0])
    np.testing.assert_allclose(np.asarray(batch.trajectory)[2, 0], [0.25 / 4, 0.25 / 8], rtol=1e-6)
    assert np.all(batch.flags == np.uint64(io.AcquisitionFlag.IS_REVERSE))


def test_a_header_with_the_least_is_read(tmp_path):
    least = """<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><experimentalConditions><H1resonanceFrequency_Hz>63866217
    </H1resonanceFrequency_Hz></experimentalConditions><encoding><encodedSpace><matrixSize><x>8</x><y>1</y><z>1</z>
    </matrixSize><fieldOfView_mm><x>80</x><y>10</y><z>5</z></fieldOfView_mm></encodedSpace><reconSpace><matrixSize><x>8</x>
    <y>1</y><z>1</z></matrixSize><fieldOfView_mm><x>80</x><y>10</y><z>5</z></fieldOfView_mm></reconSpace><encodingLimits/>
    <trajectory>other</trajectory></encoding></ismrmrdHeader>"""
    with ismrmrd.Dataset(str(tmp_path / "a.h5")) as file:
        file.write_xml_header(least.encode())
        file.append_acquisition(ismrmrd.Acquisition.from_array(samples(1, 1, 8)[0]))
    content = io.read_mrd(tmp_path / "a.h5").header
    assert content.field == pytest.approx(1.5, abs=1e-6)
    assert (content.tr, content.receiver_channels, content.encodings[0].trajectory) == ((), 0, "other")


def test_flags_have_the_names_of_the_format():
    for flag in io.AcquisitionFlag:
        assert flag == 1 << (getattr(ismrmrd, f"ACQ_{flag.name}") - 1)


def test_a_header_of_ours_fills_one_acquisition_of_theirs():
    from physim.io.mrd_rows import HEAD_TYPE

    assert ismrmrd.hdf5.acquisition_header_dtype == HEAD_TYPE


@pytest.mark.parametrize("shape", [(8, 6, 4), (9, 6, 5), (8, 7, 1)])
def test_an_fft_of_the_lines_gives_the_image_voxel_on_voxel(tmp_path, shape):
    image = lopsided(shape)
    view = (80.0, 54.0, 20.0)
    kspace = np.stack([kspace_of(image, view), 2j * kspace_of(image, view)])[None]
    top = header(shape, view, receiver_channels=2)
    path = io.write_mrd(tmp_path / "a.h5", io.cartesian_acquisitions(kspace, tr=0.1), top)
    _, lines = opened(path)
    received = np.zeros((2, *shape), complex)
    for line in lines:
        received[:, :, line.idx.kspace_encode_step_1, line.idx.kspace_encode_step_2] = line.data
    seen = image_by_fft(received, (1, 2, 3)) / (np.prod(view) / image.size * np.sqrt(image.size))
    np.testing.assert_allclose(seen, [image, 2j * image], atol=2e-6)
    assert lines[-1].is_flag_set(ismrmrd.ACQ_LAST_IN_MEASUREMENT)
    content = io.read_mrd(path)
    again = io.cartesian_kspace(content.acquisitions, content.header)
    np.testing.assert_allclose(again, kspace, atol=1e-6 * np.abs(kspace).max())


def test_lines_are_sorted_turned_averaged_and_noise_is_left_out():
    data = samples(6, 2, 8)
    kspace = data.reshape(1, 6, 1, 2, 8).transpose(0, 3, 4, 1, 2)
    lines = io.cartesian_acquisitions(kspace)
    steps = np.asarray(lines.counters.kspace_encode_step_1)
    stored = np.asarray(lines.samples)
    reverse = stored[3:4, :, ::-1]
    mixed = [
        io.RawAcquisitions(samples=samples(2, 2, 30), flags=int(io.AcquisitionFlag.IS_NOISE_MEASUREMENT)),
        io.RawAcquisitions(
            samples=stored[::-1] * 0.5, counters=io.Counters(kspace_encode_step_1=steps[::-1].copy())
        ),
        io.RawAcquisitions(
            samples=stored[:3] * 1.5, counters=io.Counters(kspace_encode_step_1=steps[:3], average=1)
        ),
        io.RawAcquisitions(
            samples=reverse * 1.5,
            counters=io.Counters(kspace_encode_step_1=3),
            flags=int(io.AcquisitionFlag.IS_REVERSE),
        ),
    ]
    again = io.cartesian_kspace(mixed, header((8, 6, 1), VIEW))
    np.testing.assert_allclose(again[..., :4, :], kspace[..., :4, :], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again[..., 4:, :], kspace[..., 4:, :] * 0.5, rtol=1e-5, atol=1e-6)


def test_same_content_same_bytes(tmp_path):
    first = io.write_mrd(tmp_path / "a.h5", full(), FULL)
    time.sleep(1.1)  # HDF5 keeps seconds
    assert io.sha256(first) == io.sha256(io.write_mrd(tmp_path / "b.h5", full(), FULL))


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_truncated_file_is_one_line(tmp_path, kept):
    path = io.write_mrd(tmp_path / "a.h5", full(), FULL)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=r"empty|readable") as caught:
        io.read_mrd(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def damaged(path, how):
    with h5py.File(path, "r+") as file:
        how(file)
    return path


def _no_xml(file):
    del file["dataset/xml"]


def _bad_xml(file):
    file["dataset/xml"][0] = b"<ismrmrdHeader"


def _bombed_xml(file):
    file["dataset/xml"][0] = b'<!DOCTYPE a [<!ENTITY b "c">]><ismrmrdHeader/>'


def _foreign_xml(file):
    file["dataset/xml"][0] = b"<html/>"


def _words_for_numbers(file):
    file["dataset/xml"][0] = file["dataset/xml"][0].replace(b"<x>64</x>", b"<x>many</x>")


def _no_view(file):
    file["dataset/xml"][0] = file["dataset/xml"][0].replace(b"fieldOfView_mm", b"view")


def _short_line(file):
    row = file["dataset/data"][2]
    row["data"] = np.zeros(3, np.float32)
    file["dataset/data"][2] = row


def _other_encoding(file):
    row = file["dataset/data"][2]
    row["head"]["encoding_space_ref"] = 9
    file["dataset/data"][2] = row


def _none_left(file):
    file["dataset/data"].resize(0, axis=0)


def _numbers_for_rows(file):
    del file["dataset/data"]
    file["dataset/data"] = np.zeros(3)


def _not_a_number(file):
    row = file["dataset/data"][0]
    row["data"] = np.full(90, np.nan, np.float32)
    file["dataset/data"][0] = row


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (_no_xml, "no dataset/xml"),
        (_bad_xml, "no readable XML"),
        (_bombed_xml, "document type"),
        (_foreign_xml, "ismrmrdHeader"),
        (_words_for_numbers, "'many'"),
        (_no_view, "no encodedSpace/fieldOfView_mm/x"),
        (_short_line, "holds 3 numbers"),
        (_other_encoding, "refers to encoding 9"),
        (_none_left, "no acquisition"),
        (_numbers_for_rows, "without data, head, traj"),
        (_not_a_number, "NaN"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, how, words):
    path = damaged(io.write_mrd(tmp_path / "a.h5", full(), FULL), how)
    with pytest.raises(InputError, match=words) as caught:
        io.read_mrd(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_foreign_files_and_other_groups(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        io.read_mrd(tmp_path / "none.h5")
    other = io.write_mrd(tmp_path / "a.h5", full(), FULL, group="scan")
    with pytest.raises(InputError, match="it holds scan"):
        io.read_mrd(other)
    assert io.read_mrd(other, group="scan").header == FULL
    (tmp_path / "c.h5").write_text("no HDF5 at all")
    with pytest.raises(InputError, match="readable"):
        io.read_mrd(tmp_path / "c.h5")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counters": io.Counters(kspace_encode_step_1=19)}, "kspace_encode_step_1 is 19 in acquisition 0"),
        ({"counters": io.Counters(kspace_encode_step_2=12)}, "end at 11"),
        ({"counters": io.Counters(repetition=5)}, "repetition is 5"),
        ({"encoding": 2}, "has 2 encodings"),
        ({"samples": samples(1, 7, 4)}, "receiver_channels=6"),
    ],
)
def test_what_the_header_has_no_place_for_leaves_nothing(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        io.write_mrd(tmp_path / "a.h5", io.RawAcquisitions(**({"samples": samples()} | changes)), FULL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"samples": samples() * np.nan}, "samples has 315 NaN"),
        ({"samples": samples().real}, "must be complex"),
        ({"samples": samples()[0]}, "acquisition, coil, sample"),
        ({"samples": samples()[:0]}, "none of them empty"),
        ({"dwell": np.ones(6) * 1e-6}, "dwell has shape"),
        ({"dwell": -1e-6}, "dwell runs from -1e-06"),
        ({"dwell": np.nan}, "dwell has 1 NaN"),
        ({"time": -1.0}, "time runs from -1"),
        ({"centre_sample": 9}, "centre_sample runs from 9"),
        ({"scan_counter": -1}, "scan_counter runs from -1"),
        ({"counters": io.Counters(slice=70000)}, "slice runs from 70000"),
        ({"encoding": 1.0}, "whole numbers"),
        ({"flags": -1}, "sums of AcquisitionFlag"),
        ({"trajectory": np.zeros((7, 8, 3))}, "trajectory has shape"),
        ({"trajectory": np.full((7, 9, 3), np.inf)}, "trajectory has 189 NaN"),
        ({"position": (1.0, 2.0, np.nan)}, "position has 1 NaN"),
        ({"available_channels": 4}, "available_channels runs from 4"),
    ],
)
def test_read_outs_that_the_format_cannot_hold(changes, words):
    bare = object.__new__(io.RawAcquisitions)
    with pytest.raises(InputError, match=words):
        unchecked(io.RawAcquisitions.__init__)(bare, **({"samples": samples()} | changes))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: io.EncodingSpace((0, 1, 1), VIEW), "whole number from 1"),
        (lambda: io.EncodingSpace((8, 8, 1), (1.0, np.inf, 1.0)), "field_of_view is inf"),
        (lambda: io.Limit(0, 3, 4), "rise"),
        (lambda: io.Encoding(encoded=io.EncodingSpace((8, 8, 1), VIEW), trajectory="zigzag"), "'zigzag'"),
        (lambda: io.MRDHeader(encodings=(), field=3.0), "at least one"),
        (lambda: header((8, 8, 1), VIEW, field=-1.5), "field is -1.5"),
        (lambda: header((8, 8, 1), VIEW, te=(0.1, np.nan)), "te is nan"),
        (lambda: header((8, 8, 1), VIEW, flip_angle=90.0), "between 0 and 20 rad"),
        (lambda: header((8, 8, 1), VIEW, sex="male"), "'male'"),
        (lambda: io.cartesian_acquisitions(np.zeros((2, 2, 2), complex)), "slice, coil"),
        (lambda: io.cartesian_kspace(full(), FULL), "values of contrast"),
        (lambda: io.cartesian_kspace(io.RawAcquisitions(samples=samples()), FULL), "asks for 64"),
        (
            lambda: io.cartesian_kspace(io.RawAcquisitions(samples=samples()), FULL, encoding=1),
            "no acquisition",
        ),
    ],
)
def test_headers_and_lines_that_make_no_sense(make, words):
    with pytest.raises(InputError, match=words):
        make()
