"""Raw data pairs: other readers find the image in them, the undersampled ones hold the same samples, bad recipes are refused."""

import hashlib
import json
import subprocess
import sys
import warnings

import h5py
import jax
import nibabel
import numpy as np
import pytest

with warnings.catch_warnings():
    # Newer Pythons deprecate the way in which the package lays out its C structures.
    warnings.simplefilter("ignore", DeprecationWarning)
    import ismrmrd

from physim import io
from physim.study import recipe
from physim.study.accelerated_scan import choose_lines
from physim.study.cases import make_case
from tests.io.rawdata import image_by_fft
from tests.study.made_cases import made, voxels

SMALL = {
    "anatomy": "procedural",
    "grid.spacing": 7.0,
    "grid.field_of_view": [192.0, 228.0, 198.0],
    "scanner.noise": 0.3,
    "sampling.acceleration": 4,
    "sampling.centre_lines": 8,
}
IMAGES = ("truth", "full", "zero_filled", "sense")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return made(tmp_path_factory, "accelerated-mri", SMALL)


@pytest.fixture(scope="module")
def coils(case):
    """True sensitivities, noise covariance and the noise of a uniform coil."""
    with h5py.File(case[0] / "coil_maps.h5") as file:
        deviation = file["noise_covariance"].attrs["image_noise_of_a_uniform_coil"]
        return file["sensitivities"][()], file["noise_covariance"][()], float(deviation)


def kspace_in(folder, name):
    with h5py.File(folder / name) as file:
        return file["kspace"][()]


def lines_in(folder, name):
    """Header and read-outs as the format's own package sees them."""
    with ismrmrd.Dataset(str(folder / name), create_if_needed=False) as file:
        document = ismrmrd.xsd.CreateFromDocument(file.read_xml_header())
        return document, [file.read_acquisition(i) for i in range(file.number_of_acquisitions())]


@pytest.fixture(scope="module")
def full_lines(case):
    return lines_in(case[0], "full.mrd")


def assert_noisy_truth(images, case, coils):
    """Coil images `[coil, x, y, z]` are sensitivity times truth, plus noise of the covariance that the case states."""
    maps, covariance, deviation = coils
    noise = images - maps * voxels(case[0], "truth")
    flat = noise.reshape(len(noise), -1)
    measured = flat @ flat.conj().T / (2 * flat.shape[1] * deviation**2)
    # 25 000 voxels: a standard error of 1/160 of the diagonal, whose mean is 1.
    np.testing.assert_allclose(measured, covariance, atol=0.05)
    assert np.abs(flat.mean(axis=1)).max() < 5 * deviation / np.sqrt(flat.shape[1]) * 2


def test_a_case_holds_what_others_can_read(case):
    folder, parameters = case
    for name in (*IMAGES, "labels"):
        image = nibabel.load(folder / f"{name}.nii.gz")
        assert image.shape == tuple(parameters["grid"]["shape"])
        np.testing.assert_allclose(image.affine, parameters["grid"]["affine"], atol=1e-4)
        assert np.isfinite(np.asarray(image.dataobj)).all()
    assert json.loads((folder / "labels.json").read_text()) == parameters["label_names"]
    assert (folder / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")


def test_the_fft_of_a_fastmri_file_is_the_image(case, coils):
    kspace = kspace_in(case[0], "full.h5")
    assert kspace.dtype == np.complex64
    images = image_by_fft(kspace, (2, 3))
    assert_noisy_truth(np.moveaxis(images, 0, -1), case, coils)
    with h5py.File(case[0] / "full.h5") as file:
        rss = np.sqrt(np.sum(np.abs(images) ** 2, axis=1))
        np.testing.assert_allclose(file["reconstruction_rss"], rss, rtol=1e-4, atol=1e-6)
        assert file.attrs["acquisition"] == "AXT1"


def test_the_undersampled_slices_are_the_full_ones_on_the_mask(case):
    folder, parameters = case
    full, kept = kspace_in(folder, "full.h5"), kspace_in(folder, "undersampled.h5")
    with h5py.File(folder / "undersampled.h5") as file:
        mask = file["mask"][()]
        assert "reconstruction_rss" not in file
    np.testing.assert_array_equal(np.flatnonzero(mask), parameters["sampling"]["acquired"])
    np.testing.assert_array_equal(kept[..., mask], full[..., mask])
    assert not kept[..., ~mask].any()
    assert mask[12:20].all()
    np.testing.assert_array_equal(np.flatnonzero(mask[:12]), [0, 4, 8])
    assert io.read_fastmri(folder / "undersampled.h5").header.encodings[0].acceleration == (4, 1)


def test_the_lines_of_an_mrd_file_are_the_image(case, coils, full_lines):
    document, lines = full_lines
    matrix = document.encoding[0].encodedSpace.matrixSize
    assert (matrix.x, matrix.y, matrix.z) == tuple(case[1]["grid"]["shape"])
    kspace = np.zeros((8, matrix.x, matrix.y, matrix.z), complex)
    for line in lines:
        kspace[:, :, line.idx.kspace_encode_step_1, line.idx.kspace_encode_step_2] = line.data
    volume = 7.0**3 * np.sqrt(matrix.x * matrix.y * matrix.z)
    spacing = np.array(case[1]["grid"]["affine"]).diagonal()[:3]
    np.testing.assert_allclose(spacing, 7.0)
    assert_noisy_truth(image_by_fft(kspace, (1, 2, 3)) / volume, case, coils)


def test_the_package_reads_the_acquired_lines_and_no_others(case, full_lines):
    folder, parameters = case
    document, kept = lines_in(folder, "undersampled.mrd")
    sampling, planes = parameters["sampling"], parameters["grid"]["shape"][2]
    place = [(line.idx.kspace_encode_step_1, line.idx.kspace_encode_step_2) for line in kept]
    assert set(place) == {(ky, kz) for ky in sampling["acquired"] for kz in range(planes)}
    assert len(place) == len(set(place))
    whole = {(line.idx.kspace_encode_step_1, line.idx.kspace_encode_step_2): line for line in full_lines[1]}
    for line, where in zip(kept, place, strict=True):
        np.testing.assert_array_equal(line.data, whole[where].data)
        calibrates = line.is_flag_set(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING)
        assert calibrates == (where[0] in sampling["centre"])
    assert kept[-1].is_flag_set(ismrmrd.ACQ_LAST_IN_MEASUREMENT)
    parallel = document.encoding[0].parallelImaging
    assert parallel.accelerationFactor.kspace_encoding_step_1 == 4
    assert parallel.calibrationMode.value == "embedded"
    assert document.acquisitionSystemInformation.receiverChannels == 8
    assert document.sequenceParameters.TR == [18.0]


def test_both_formats_hold_one_measurement(case):
    """The slices of the fastMRI file are the transform along kz of the lines in the MRD file."""
    content = io.read_mrd(case[0] / "undersampled.mrd")
    lines = io.cartesian_kspace(content.acquisitions, content.header)[0]
    slices = io.read_fastmri(case[0] / "undersampled.h5").kspace
    through = image_by_fft(io.to_fft_centre(lines, (3,)), (3,)) / np.sqrt(lines.shape[3])
    np.testing.assert_allclose(np.moveaxis(through, 3, 0), slices, atol=1e-5 * np.abs(slices).max())


def test_the_errors_are_those_of_the_files(case, coils):
    folder, parameters = case
    truth, stated = voxels(folder, "truth"), parameters["errors"]
    air = {name: int(n) for n, name in parameters["label_names"].items()}["air"]
    head = voxels(folder, "labels") != air
    for name in IMAGES[1:]:
        off = np.linalg.norm((voxels(folder, name) - truth)[head]) / np.linalg.norm(truth[head])
        assert off == pytest.approx(stated[name]["nrmse"], rel=0.05)
    assert stated["sense"]["nrmse"] < 0.7 * stated["zero_filled"]["nrmse"]
    # What the noise of the best combination must be: (Sᴴ Ψ⁻¹ S)^-1/2.
    maps, covariance, deviation = coils
    seen = np.einsum("cxyz,cd,dxyz->xyz", maps.conj(), np.linalg.inv(covariance), maps).real
    expected = deviation * np.sqrt(np.mean(1 / seen[head])) / np.sqrt(np.mean(truth[head] ** 2))
    assert stated["full"]["nrmse"] == pytest.approx(expected, rel=0.05)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_same_case_has_the_same_bytes_and_the_next_one_differs(case, tmp_path):
    loaded = recipe.load("accelerated-mri", SMALL)
    for index in (1, 0):
        (tmp_path / str(index)).mkdir()
        again = make_case(loaded, index, tmp_path / str(index), offline=True)
        assert (again == case[1]) == (index == 0)
    assert digests(tmp_path / "0") == digests(case[0])
    other = digests(tmp_path / "1")
    assert all(other[name] != value for name, value in digests(case[0]).items() if name != "labels.json")


def test_random_lines_and_an_iterative_method(tmp_path):
    asked = SMALL | {
        "sequences.contrast": "t2w",
        "sampling.pattern": "random",
        "reconstruction.method": "iterative-sense",
    }
    parameters = make_case(recipe.load("accelerated-mri", asked), 0, tmp_path, offline=True)
    off = {name: errors["nrmse"] for name, errors in parameters["errors"].items()}
    assert off["full"] < off["iterative_sense"] < 0.6 * off["zero_filled"]
    header = io.read_fastmri(tmp_path / "undersampled.h5").header
    assert (header.te, header.flip_angle) == ((0.09,), (pytest.approx(np.pi / 2),))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["grappa", "compressed-sensing"])
def test_the_other_methods_beat_zero_filling(method, tmp_path):
    asked = SMALL | {"reconstruction.method": method, "sampling.acceleration": 2, "scanner.noise": 0.05}
    parameters = make_case(recipe.load("accelerated-mri", asked), 0, tmp_path, offline=True)
    off = {name: errors["nrmse"] for name, errors in parameters["errors"].items()}
    assert off[method.replace("-", "_")] < 0.4 * off["zero_filled"]


def test_random_lines_are_as_many_and_drawn_for_each_case(key):
    sampling = recipe.load("accelerated-mri", {"sampling.pattern": "random", **METHOD}).sampling
    one, two = (choose_lines(sampling, 114, jax.random.fold_in(key, n)) for n in range(2))
    for lines in (one, two):
        np.testing.assert_array_equal(np.flatnonzero(lines.centre), np.arange(45, 69))
        assert lines.acquired[lines.centre].all()
        assert lines.acquired.sum() == 24 + 30
    assert (one.acquired != two.acquired).any()
    np.testing.assert_array_equal(
        one.acquired, choose_lines(sampling, 114, jax.random.fold_in(key, 0)).acquired
    )


METHOD = {"reconstruction.method": "iterative-sense"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"sampling.acceleration": 4}, "does not divide the 114 lines"),
        ({"sampling.acceleration": 1}, "sampling.acceleration is 1"),
        (
            {"sampling.centre_lines": 120, "grid.spacing": 4.0},
            "sampling.centre_lines is 120; it must be below the 56",
        ),
        ({"sampling.pattern": "random"}, "needs a regular pattern"),
        ({"sampling.pattern": "spiral"}, "sampling.pattern is 'spiral'; it must be 'regular' or 'random'"),
        ({"scanner.coils": 2}, "more than the 2 coils can unfold"),
        ({"scanner.coils": 1}, "scanner.coils is 1"),
        ({"scanner.field": 7.0}, "scanner.field is 7; it must lie between 0.2 and 3 T"),
        ({"scanner.noise": float("nan")}, "scanner.noise is nan"),
        ({"reconstruction.method": "grappa", "sampling.centre_lines": 8}, "grappa at acceleration 3 learns"),
        ({"reconstruction.method": "magic"}, "reconstruction.method is 'magic'"),
        ({"sequences.contrast": "flair"}, "sequences.contrast is 'flair'"),
        ({"sequences.t1w.te": 0.5}, "te is 0.5 s; it must be below tr"),
    ],
)
def test_refusals_are_one_line_that_helps(overrides, said):
    with pytest.raises(ValueError, match=r".") as caught:
        recipe.load("accelerated-mri", overrides)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_listing_it_loads_neither_jax_nor_matplotlib():
    code = (
        "import sys; from physim.study import recipe; recipe.describe('accelerated-mri');"
        "sys.exit(bool({'jax', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
