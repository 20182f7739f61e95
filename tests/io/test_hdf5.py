"""HDF5: what goes in comes out, also through plain h5py; bytes do not depend on the clock."""

import time
from typing import Any

import h5py
import numpy as np
import pytest

from physim import io
from physim_phantoms import Grid, InputError
from tests.io.worlds import GRIDS, place

ARRAYS = {
    "images": {
        "t1": np.arange(120.0, dtype=np.float32).reshape(4, 5, 6),
        "labels": np.ones((4, 5, 6), np.uint8),
    },
    "kspace": (np.arange(48) * (1 + 2j)).astype(np.complex64).reshape(2, 2, 3, 4),
    "days": np.array([0.0, 90.0]),
    "ismrmrd_header": "<ismrmrdHeader>µ</ismrmrdHeader>",
    "scalar": np.float64(3.5),
}
GRID = Grid((4, 5, 6), (1.0, 1.5, 2.0), direction=np.asarray(GRIDS["rotated"].direction))
ATTRIBUTES = {"acquisition": "AXT1", "max": 0.5, "sizes": [1, 2, 3], "recipe": {"b": 1, "a": [2.0]}}
OF_ARRAYS = {"images/t1": {"units": "1", "echo_time_s": 0.01}, "days": {"units": "day"}}


def write(path, **options):
    return io.write_hdf5(path, ARRAYS, GRID, attributes=ATTRIBUTES, array_attributes=OF_ARRAYS, **options)


@pytest.mark.parametrize("compression", [0, 1, 9])
def test_everything_comes_back(tmp_path, compression):
    content = io.read_hdf5(write(tmp_path / "a.h5", compression=compression))
    for name in ("t1", "labels"):
        np.testing.assert_array_equal(content.arrays["images"][name], ARRAYS["images"][name])
        assert content.arrays["images"][name].dtype == ARRAYS["images"][name].dtype
    np.testing.assert_array_equal(content.arrays["kspace"], ARRAYS["kspace"])
    assert content.arrays["ismrmrd_header"] == ARRAYS["ismrmrd_header"]
    assert content.arrays["scalar"] == 3.5
    assert set(content.arrays) == set(ARRAYS)
    assert content.grid is not None
    np.testing.assert_array_equal(content.grid.affine, GRID.affine)
    assert content.array_attributes == OF_ARRAYS
    assert content.attributes["acquisition"] == "AXT1"
    assert content.attributes["recipe"] == '{"a": [2.0], "b": 1}'
    assert content.attributes["synthetic"]


def test_plain_h5py_sees_fastmri_names_and_units(tmp_path):
    with h5py.File(write(tmp_path / "a.h5"), "r") as file:
        arrays: Any = file
        assert arrays["kspace"].dtype == np.complex64
        assert arrays["ismrmrd_header"][()].decode() == ARRAYS["ismrmrd_header"]
        assert file.attrs["acquisition"] == "AXT1"
        assert file["images/t1"].attrs["units"] == "1"
        assert (file.attrs["schema"], file.attrs["schema_version"]) == ("physim-arrays", 1)
        assert file["grid"].attrs["units"] == "mm"


def test_big_arrays_are_chunked_and_smaller(tmp_path):
    labels = np.zeros((64, 64, 64), np.int16)
    path = io.write_hdf5(tmp_path / "a.h5", {"labels": labels})
    assert path.stat().st_size < labels.nbytes / 50
    with h5py.File(path, "r") as file:
        stored: Any = file["labels"]
        assert stored.chunks[1:] == (64, 64)


def test_same_content_same_bytes(tmp_path):
    first = write(tmp_path / "a.h5")
    time.sleep(1.1)  # HDF5 keeps seconds
    second = io.write_hdf5(
        tmp_path / "b.h5",
        dict(reversed(ARRAYS.items())),
        GRID,
        attributes=dict(reversed(ATTRIBUTES.items())),
        array_attributes=OF_ARRAYS,
    )
    assert io.sha256(first) == io.sha256(second)


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_truncated_file_is_one_line(tmp_path, kept):
    path = write(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=r"empty|readable") as caught:
        io.read_hdf5(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_damaged_voxels_are_one_line(tmp_path):
    noise = np.random.default_rng(0).normal(size=(32, 64, 64))
    path = io.write_hdf5(tmp_path / "a.h5", {"noise": noise})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    with pytest.raises(InputError, match="readable"):
        io.read_hdf5(path)


def test_newer_schema_and_foreign_files(tmp_path):
    path = write(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(InputError, match="update physim"):
        io.read_hdf5(path)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x/y"] = np.arange(3)
    content = io.read_hdf5(tmp_path / "b.h5")
    assert content.grid is None
    np.testing.assert_array_equal(content.arrays["x"]["y"], [0, 1, 2])
    (tmp_path / "c.h5").write_text("no HDF5 at all")
    with pytest.raises(InputError, match="readable"):
        io.read_hdf5(tmp_path / "c.h5")


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({"a/b": np.zeros(3)}, {}, "cannot name"),
        ({"grid": np.zeros(3)}, {}, "cannot name"),
        ({"a": [object()]}, {}, "holds object"),
        ({"a": np.zeros(3)}, {"array_attributes": {"b": {"units": "s"}}}, r"\['b'\]"),
        ({"a": np.zeros(3)}, {"attributes": {"when": object()}}, "when"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, arrays, options, words):
    with pytest.raises(InputError, match=words):
        io.write_hdf5(tmp_path / "a.h5", arrays, **options)
    assert list(tmp_path.iterdir()) == []


def test_read_image_takes_the_only_volume(tmp_path):
    grid = GRIDS["flipped"]
    path = io.write_hdf5(tmp_path / "a.h5", {"t1": place(grid), "days": np.arange(3)}, grid)
    array, new = io.read_image(path)
    np.testing.assert_allclose(array, place(new), atol=1e-9)
    two = io.write_hdf5(tmp_path / "b.h5", {"t1": place(grid), "t2": place(grid)}, grid)
    with pytest.raises(InputError, match=r"2 volumes \(t1, t2\)"):
        io.read_image(two)
    with pytest.raises(InputError, match="no grid"):
        io.read_image(io.write_hdf5(tmp_path / "c.h5", {"t1": place(grid)}))
