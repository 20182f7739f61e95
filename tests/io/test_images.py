"""One door: the content picks the reader; what is not an image is refused with help. NRRD goes through it."""

import gzip

import numpy as np
import pytest

from physim import io
from physim_phantoms import InputError
from tests.io.worlds import GRIDS, place

GRID = GRIDS["rotated"]


def nrrd(
    path, grid, encoding="raw", space="left-posterior-superior", type_="double", change=lambda text: text
):
    sign = np.array([-1, -1, 1]) if space.startswith("left") else np.ones(3)
    columns = (grid.affine[:3, :3].T * sign).tolist()
    directions = " ".join(f"({','.join(map(repr, c))})" for c in columns)
    origin = ",".join(map(repr, (grid.affine[:3, 3] * sign).tolist()))
    text = (
        f"NRRD0004\n# comment: with a colon\ntype: {type_}\ndimension: 3\nspace: {space}\n"
        f"sizes: {' '.join(map(str, grid.shape))}\nspace directions: {directions}\n"
        f"kinds: domain domain domain\n"
        f"endian: little\nencoding: {encoding}\nspace origin: ({origin})\nname:=value\n\n"
    )
    body = place(grid).astype({"double": "<f8", "short": "<i2"}[type_]).tobytes(order="F")
    path.write_bytes(change(text).encode() + (gzip.compress(body) if encoding == "gzip" else body))
    return path


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior"])
def test_nrrd_in_its_place(tmp_path, name, encoding, space):
    array, grid = io.read_image(nrrd(tmp_path / "a.nrrd", GRIDS[name], encoding, space))
    np.testing.assert_allclose(array, place(grid), rtol=1e-6)
    whole, _ = io.read_nrrd(nrrd(tmp_path / "b.nrrd", GRIDS[name], encoding, space, "short"))
    assert whole.dtype == np.int16


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("encoding: raw", "encoding: bzip2", "bzip2"),
        ("type: double", "type: block", "block"),
        ("space: left-posterior-superior", "space: scanner-xyz", "scanner-xyz"),
        ("sizes: 7 8 5", "sizes: 7 8 6", "truncated"),
        ("sizes: 7 8 5", "sizes: 7 8 5 2", "three spatial axes"),
        ("space origin", "other", "space origin"),
        ("NRRD0004", "NRXD0004", "no format"),
    ],
)
def test_nrrd_that_is_not_understood(tmp_path, old, new, words):
    path = nrrd(tmp_path / "a.nrrd", GRID, change=lambda text: text.replace(old, new))
    with pytest.raises(InputError, match=words) as caught:
        io.read_image(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_gzip_nrrd(tmp_path, kept):
    path = nrrd(tmp_path / "a.nrrd", GRID, "gzip")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match="truncated"):
        io.read_nrrd(path)


def test_content_decides_not_the_name(tmp_path):
    hdf5 = io.write_hdf5(tmp_path / "a.h5", {"x": place(GRID)}, GRID)
    nifti = io.write_nifti(tmp_path / "a.nii", place(GRID), GRID)
    for path in (hdf5, nifti):
        renamed = path.rename(tmp_path / f"{path.suffix[1:]}.data")
        if path is nifti:
            renamed = renamed.rename(tmp_path / "nii.nii")  # nibabel itself goes by the suffix
        array, grid = io.read_image(renamed)
        np.testing.assert_allclose(array, place(grid), rtol=1e-6)


def test_one_dicom_file_is_no_volume(tmp_path):
    folder = io.write_dicom_series(tmp_path / "s", place(GRID), GRID, io.CTSeries(), io.Case(case_id="1"))
    with pytest.raises(InputError, match=f"give its folder, {folder}"):
        io.read_image(next(folder.iterdir()))


def test_help_for_paths_that_do_not_exist(tmp_path):
    (tmp_path / "brain_t1.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"did you mean brain_t1\.nii\.gz\?"):
        io.read_image(tmp_path / "brain_T1.nii.gz")
    with pytest.raises(InputError, match=f"{tmp_path} is the last folder on the way"):
        io.read_image(tmp_path / "nowhere" / "deep" / "a.nii")
    with pytest.raises(InputError, match=r"holds brain_t1\.nii\.gz"):
        io.read_image(tmp_path / "zzz")


def test_unknown_format_lists_what_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(400))
    with pytest.raises(InputError, match=r"\.nii, \.nii\.gz, \.nrrd, \.h5 or a DICOM folder"):
        io.read_image(tmp_path / "a.png")
