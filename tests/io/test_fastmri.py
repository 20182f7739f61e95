"""fastMRI files: an FFT of what is written is the image, and a loader finds what it asks the file for."""

from typing import Any
from xml.etree import ElementTree

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from physim import io
from physim.mri.encode import encode
from physim_phantoms import Grid, InputError
from tests.io.rawdata import header, image_by_fft, kspace_of, lopsided

VIEW = (120.0, 90.0, 4.0)


def scanned(shape, coils=2, slices=3):
    images = np.stack(
        [[lopsided((*shape, 1), 10 * s + c)[..., 0] for c in range(coils)] for s in range(slices)]
    )
    kspace = np.stack([[kspace_of(image[..., None], VIEW)[..., 0] for image in each] for each in images])
    return images, kspace


def asked(root, *names):
    """A value of the header, searched as the data set's own loader does, by nested descendants."""
    found = root.find("." + "".join(f"//{{http://www.ismrm.org/ISMRMRD}}{name}" for name in names))
    return int(found.text)


@pytest.mark.parametrize("shape", [(12, 10), (13, 10), (12, 9), (7, 5)])
def test_a_centred_orthonormal_fft_gives_the_image(tmp_path, shape):
    images, kspace = scanned(shape)
    path = io.write_fastmri(tmp_path / "a.h5", kspace, header((*shape, 1), VIEW))
    with h5py.File(path, "r") as file:
        stored: Any = file["kspace"]
        assert (stored.dtype, stored.shape) == (np.complex64, (3, 2, *shape))
        np.testing.assert_allclose(image_by_fft(stored[()], (2, 3)), images, atol=1e-5)
        target: Any = file["reconstruction_rss"]
        assert target.dtype == np.float32
        truth = np.sqrt(np.sum(np.abs(images) ** 2, axis=1))
        np.testing.assert_allclose(target[()], truth, atol=1e-5)
        assert file.attrs["max"] == pytest.approx(truth.max(), rel=1e-5)
        assert file.attrs["norm"] == pytest.approx(np.linalg.norm(truth), rel=1e-5)


def test_what_the_scanner_encodes_is_in_that_convention():
    image = lopsided((8, 7, 1)).astype(np.complex64)
    ours = encode(jnp.asarray(image), Grid(image.shape, (10.0, 10.0, 4.0)), image.shape)
    np.testing.assert_allclose(ours, kspace_of(image, (80.0, 70.0, 4.0)), atol=1e-2)  # of 400 mm³ and more
    with_jax = io.cartesian_acquisitions(ours[None, None])
    assert with_jax.samples.shape == (7, 1, 8)


def test_loaders_find_what_they_ask_for(tmp_path):
    _, kspace = scanned((12, 10))
    mask = np.arange(10) % 2 == 0
    top = header((12, 10, 1), VIEW, recon=(6, 8, 1), patient_id="SYN-7")
    path = io.write_fastmri(tmp_path / "a.h5", kspace, top, mask=mask, acquisition="AXT1")
    with h5py.File(path, "r") as file:
        arrays: Any = file
        root = ElementTree.fromstring(arrays["ismrmrd_header"][()])
        assert "reconstruction_rss" not in file
        assert (file.attrs["acquisition"], file.attrs["patient_id"]) == ("AXT1", "SYN-7")
        np.testing.assert_array_equal(np.asarray(arrays["mask"]), mask)
    for space, sizes in (("encodedSpace", (12, 10, 1)), ("reconSpace", (6, 8, 1))):
        assert tuple(asked(root, "encoding", space, "matrixSize", axis) for axis in "xyz") == sizes
    limits = ("encoding", "encodingLimits", "kspace_encoding_step_1")
    left = 10 // 2 - asked(root, *limits, "center")
    assert (left, left + asked(root, *limits, "maximum") + 1) == (0, 10)  # no column is padding


@pytest.mark.parametrize(("shape", "recon"), [((12, 10), (6, 8)), ((13, 10), (6, 7)), ((12, 9), (5, 4))])
def test_the_target_is_cropped_about_the_middle(tmp_path, shape, recon):
    images, kspace = scanned(shape)
    content = io.read_fastmri(
        io.write_fastmri(tmp_path / "a.h5", kspace, header((*shape, 1), VIEW, recon=(*recon, 1)))
    )
    first = [(n - m) // 2 for n, m in zip(shape, recon, strict=True)]
    cut = images[:, :, first[0] : first[0] + recon[0], first[1] : first[1] + recon[1]]
    assert content.reconstruction is not None
    np.testing.assert_allclose(content.reconstruction, np.sqrt(np.sum(np.abs(cut) ** 2, axis=1)), atol=1e-5)


def test_everything_comes_back(tmp_path):
    _, kspace = scanned((12, 9))
    top = header((12, 9, 1), VIEW, te=0.09, tr=4.0, receiver_channels=2)
    target = np.ones((3, 12, 9), np.float32)
    mask = np.arange(9) < 4
    path = io.write_fastmri(tmp_path / "a.h5", kspace, top, reconstruction=target, mask=mask, patient_id="x")
    content = io.read_fastmri(path)
    np.testing.assert_allclose(content.kspace, kspace, atol=1e-6 * np.abs(kspace).max())
    np.testing.assert_array_equal(content.reconstruction, target)
    np.testing.assert_array_equal(content.mask, mask)
    assert (content.header, content.patient_id, content.acquisition) == (top, "x", "physim")
    again = io.write_fastmri(tmp_path / "b.h5", kspace, top, reconstruction=target, mask=mask, patient_id="x")
    assert io.sha256(path) == io.sha256(again)


def test_single_coil_files_have_one_coil(tmp_path):
    _, kspace = scanned((12, 10), coils=1)
    path = io.write_fastmri(tmp_path / "a.h5", kspace, header((12, 10, 1), VIEW))
    with h5py.File(path, "r+") as file:
        arrays: Any = file
        single = arrays["kspace"][:, 0]
        target = arrays["reconstruction_rss"][()]
        del file["kspace"], file["reconstruction_rss"]
        file["kspace"], file["reconstruction_esc"] = single, target
    content = io.read_fastmri(path)
    np.testing.assert_allclose(content.kspace, kspace, atol=1e-6 * np.abs(kspace).max())
    np.testing.assert_array_equal(content.reconstruction, target)


def test_half_a_voxel_is_half_a_voxel():
    """Seen from the FFT's origin an even matrix lies half a voxel back, an odd one where it was."""
    view = (80.0, 70.0, 1.0)
    image = lopsided((8, 7, 1))
    kspace = kspace_of(image, view)
    k = (np.arange(8) - 4) / 80.0
    np.testing.assert_allclose(
        io.to_fft_centre(kspace, (0, 1)), kspace * np.exp(2j * np.pi * k * 5.0)[:, None, None], atol=1e-9
    )
    np.testing.assert_allclose(
        io.from_fft_centre(io.to_fft_centre(kspace, (0, 1)), (0, 1)), kspace, atol=1e-9
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kspace": np.zeros((3, 2, 12), complex)}, "slice, coil, kx, ky"),
        ({"kspace": np.zeros((3, 2, 12, 10))}, "must be complex"),
        ({"kspace": np.zeros((3, 2, 10, 12), complex)}, "encoded matrix"),
        ({"kspace": np.full((3, 2, 12, 10), np.nan + 0j)}, "NaN"),
        ({"mask": np.ones(12)}, "each of 10 ky"),
        ({"mask": np.full(10, 0.5)}, "each of 10 ky"),
        ({"reconstruction": np.zeros((3, 6, 6))}, r"shape \(3, 12, 10\)"),
        ({"reconstruction": np.full((3, 12, 10), np.inf)}, "reconstruction has"),
        ({"header": header((12, 10, 1), VIEW, recon=(16, 10, 1))}, "exceeds"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, changes, words):
    given = {"kspace": np.ones((3, 2, 12, 10), complex), "header": header((12, 10, 1), VIEW)} | changes
    with pytest.raises(InputError, match=words):
        io.write_fastmri(tmp_path / "a.h5", **given)
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_are_one_line(tmp_path):
    other = io.write_hdf5(tmp_path / "a.h5", {"x": np.zeros(3)})
    with pytest.raises(InputError, match="no kspace and no ismrmrd_header"):
        io.read_fastmri(other)
    flat = io.write_hdf5(tmp_path / "b.h5", {"kspace": np.zeros(3), "ismrmrd_header": "<a/>"})
    with pytest.raises(InputError, match="must be complex"):
        io.read_fastmri(flat)
    text = io.write_hdf5(
        tmp_path / "c.h5", {"kspace": np.zeros((1, 1, 2, 2), complex), "ismrmrd_header": "<a/>"}
    )
    with pytest.raises(InputError, match=r"c\.h5: the XML header is a 'a'"):
        io.read_fastmri(text)
