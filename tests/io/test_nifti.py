"""NIfTI: positions against nibabel, types, determinism, and every file that must be refused."""

import time
from typing import Any

import nibabel
import numpy as np
import pytest

from physim import io
from physim_phantoms import Grid, InputError
from tests.io.worlds import GRIDS, place, rotation


def save(path, array, affine):
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_sform(affine, 1)
    image.header.set_qform(affine, 1)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_written_file_puts_voxels_where_they_belong(tmp_path, name, suffix):
    grid = GRIDS[name]
    path = io.write_nifti(tmp_path / f"a{suffix}", place(grid), grid)
    image: Any = nibabel.load(path)
    np.testing.assert_allclose(image.get_fdata(), place(grid), rtol=1e-6)
    np.testing.assert_allclose(image.header.get_sform(), grid.affine, atol=1e-5)
    np.testing.assert_allclose(image.header.get_qform(), grid.affine, atol=1e-5)
    assert image.header.get_xyzt_units()[0] == "mm"
    assert b"synthetic" in bytes(image.header["descrip"])
    array, new = io.read_nifti(path)
    np.testing.assert_allclose(array, place(new), rtol=1e-6)
    assert np.all(np.diag(new.direction) > 0.9)


@pytest.mark.parametrize("name", GRIDS)
def test_foreign_file_is_read_in_its_place(tmp_path, name):
    grid = GRIDS[name]
    array, new = io.read_nifti(save(tmp_path / "a.nii.gz", place(grid), grid.affine))
    np.testing.assert_allclose(array, place(new), rtol=1e-5)


def test_qform_alone_slope_and_big_endian(tmp_path):
    grid = GRIDS["rotated"]
    header = nibabel.Nifti1Header(endianness=">")
    image = nibabel.Nifti1Image(np.zeros(grid.shape, np.int16), None, header)
    image.header.set_data_dtype(">i2")
    image.header.set_qform(grid.affine, 1)
    image.header.set_slope_inter(0.5, 100.0)
    stored = np.rint((place(grid) - 100) / 0.5).astype(">i2")
    nibabel.save(nibabel.Nifti1Image(0.5 * stored + 100, None, image.header), tmp_path / "a.nii")
    array, new = io.read_nifti(tmp_path / "a.nii")
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, place(new), atol=0.3)


def test_metres_become_millimetres(tmp_path):
    affine = np.diag([0.002, 0.003, 0.004, 1.0])
    image = nibabel.Nifti1Image(np.zeros((3, 3, 3), np.uint8), affine)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(io.read_nifti(tmp_path / "a.nii")[1].spacing, [2.0, 3.0, 4.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (bool, "uint8"),
        ("u1", "uint8"),
        ("i2", "int16"),
        ("i8", "int16"),
        ("u2", "int16"),
        ("f4", "float32"),
        ("f8", "float32"),
    ],
)
def test_types_survive(tmp_path, given, stored):
    labels = np.arange(60).reshape(3, 4, 5).astype(given)
    path = io.write_nifti(tmp_path / "a.nii", labels, Grid((3, 4, 5)))
    image: Any = nibabel.load(path)
    assert image.get_data_dtype() == stored
    np.testing.assert_array_equal(io.read_nifti(path)[0], labels)


def test_same_image_same_bytes_whenever_and_wherever(tmp_path):
    grid = GRIDS["rotated"]
    first = io.write_nifti(tmp_path / "a.nii.gz", place(grid), grid)
    time.sleep(1.1)  # gzip keeps seconds
    second = io.write_nifti(tmp_path / "sub" / "b.nii.gz", np.asfortranarray(place(grid)), grid)
    assert io.sha256(first) == io.sha256(second)


def test_nan_is_refused_unless_asked_for(tmp_path):
    array = np.zeros((3, 3, 3), np.float32)
    array[1, 1, 1] = np.nan
    path = save(tmp_path / "a.nii", array, np.eye(4))
    with pytest.raises(InputError, match=r"1 NaN or infinite voxels of 27; .*allow_nan=True"):
        io.read_nifti(path)
    assert np.isnan(io.read_nifti(path, allow_nan=True)[0][1, 1, 1])
    with pytest.raises(InputError, match="NaN"):
        io.write_nifti(tmp_path / "b.nii", array, Grid((3, 3, 3)))
    assert not (tmp_path / "b.nii").exists()


def test_four_dimensions_need_a_choice(tmp_path):
    array = np.arange(24 * 3).reshape(2, 3, 4, 3).astype(np.int16)
    path = save(tmp_path / "a.nii", array, np.eye(4))
    with pytest.raises(InputError, match="volume=0 to 2"):
        io.read_nifti(path)
    with pytest.raises(InputError, match="volume=0 to 2"):
        io.read_nifti(path, volume=3)
    np.testing.assert_array_equal(io.read_nifti(path, volume=2)[0], array[..., 2])
    one = save(tmp_path / "b.nii", array[..., :1], np.eye(4))
    np.testing.assert_array_equal(io.read_nifti(one)[0], array[..., 0])


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.98])
def test_truncated_file_is_one_line(tmp_path, suffix, kept):
    array = np.random.default_rng(0).normal(size=(9, 9, 9)).astype(np.float32)
    path = io.write_nifti(tmp_path / f"a{suffix}", array, Grid(array.shape))
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=r"empty|truncated|readable") as caught:
        io.read_nifti(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_garbage_missing_and_folder(tmp_path):
    (tmp_path / "garbage.nii").write_bytes(b"no image" * 100)
    with pytest.raises(InputError, match="no readable NIfTI"):
        io.read_nifti(tmp_path / "garbage.nii")
    with pytest.raises(InputError, match=r"does not exist; did you mean garbage\.nii\?"):
        io.read_nifti(tmp_path / "garbag.nii")
    with pytest.raises(InputError, match="is a folder"):
        io.read_nifti(tmp_path)


def test_orientation_must_be_known(tmp_path):
    array = np.zeros((3, 3, 3), np.float32)
    path = save(tmp_path / "a.nii", array, np.eye(4))
    content = bytearray(path.read_bytes())
    content[252:256] = bytes(4)  # qform_code and sform_code
    path.write_bytes(content)
    with pytest.raises(InputError, match="affine="):
        io.read_nifti(path)
    _, grid = io.read_nifti(path, affine=np.diag([2.0, 2.0, 3.0, 1.0]))
    np.testing.assert_array_equal(grid.spacing, [2.0, 2.0, 3.0])


def test_shear_is_refused(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.3
    image = nibabel.Nifti1Image(np.zeros((3, 3, 3), np.float32), affine)
    nibabel.save(image, tmp_path / "a.nii")
    with pytest.raises(InputError, match="resample"):
        io.read_nifti(tmp_path / "a.nii")


def test_colour_voxels_are_refused(tmp_path):
    colours = np.zeros((3, 3, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match="real numbers"):
        io.read_nifti(tmp_path / "a.nii")


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (np.zeros((2, 3, 5)), {}, "shape"),
        (np.zeros((2, 3, 4), complex), {}, "real numbers"),
        (np.full((2, 3, 4), 2**24 + 1), {}, "do not fit float32"),
        (np.full((2, 3, 4), 300.0), {"dtype": np.uint8}, "do not fit uint8"),
        (np.zeros((2, 3, 4)), {"dtype": np.float64}, "float32"),
    ],
)
def test_what_cannot_be_written(tmp_path, array, options, words):
    with pytest.raises(InputError, match=words):
        io.write_nifti(tmp_path / "a.nii", array, Grid((2, 3, 4)), **options)
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        io.write_nifti(tmp_path / "a.img", np.zeros((2, 3, 4)), Grid((2, 3, 4)))
    assert list(tmp_path.iterdir()) == []


def test_integers_are_rounded_not_cut(tmp_path):
    path = io.write_nifti(tmp_path / "a.nii", np.full((1, 1, 1), -99.7), Grid((1, 1, 1)), dtype=np.int16)
    assert io.read_nifti(path)[0].item() == -100


def test_arrays_of_jax(tmp_path):
    import jax.numpy as jnp

    grid = Grid((4, 5, 6), direction=rotation(1, 0.2))
    path = io.write_nifti(tmp_path / "a.nii", jnp.arange(120.0).reshape(4, 5, 6), grid)
    np.testing.assert_array_equal(io.read_nifti(path)[0].ravel(), np.arange(120.0))
