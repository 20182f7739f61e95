"""Whole cases at coarse resolution: files that others can read, the same bytes twice, labels that match the tumour."""

import hashlib
import json
import os
import subprocess
import sys

import h5py
import jax
import nibabel
import numpy as np
import pydicom
import pytest

from physim import io
from physim.study import recipe
from physim.study.cases import make_case
from physim.study.draws import drawn, named_key, value_of
from physim.study.lesion_site import lesion_site
from tests.study.made_cases import assert_lesion

GLIOMA = {"anatomy": "procedural", "grid.spacing": 7.0, "tumour.days": "{low = 260.0, high = 320.0}"}
HEAD = {"grid.spacing": 7.0, "protocol.views": 48, "protocol.pixel_size": 7.0}
CONTRASTS = ("t1w", "t2w", "flair", "pd")


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def made(tmp_path_factory, name, overrides, index):
    folder = tmp_path_factory.mktemp(name)
    return folder, make_case(recipe.load(name, overrides), index, folder, offline=True)


@pytest.fixture(scope="module")
def glioma(tmp_path_factory):
    return made(tmp_path_factory, "brain-glioma-mri", GLIOMA, 0)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    return made(tmp_path_factory, "head-ct", HEAD, 0)


def test_a_glioma_case_holds_what_others_can_read(glioma):
    folder, parameters = glioma
    shape = tuple(parameters["grid"]["shape"])
    for name in (*CONTRASTS, "labels", "tumour"):
        image = nibabel.load(folder / f"{name}.nii.gz")
        voxels = np.asarray(image.dataobj)
        assert voxels.shape == shape
        assert np.isfinite(voxels).all()
        assert voxels.std() > 0
        np.testing.assert_allclose(image.affine, parameters["grid"]["affine"], atol=1e-4)
    assert nibabel.load(folder / "labels.nii.gz").get_data_dtype() == np.uint8
    assert json.loads((folder / "labels.json").read_text()) == parameters["label_names"]
    assert (folder / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")
    with h5py.File(folder / "case.h5") as file:
        for name in CONTRASTS:
            np.testing.assert_array_equal(
                file[f"images/{name}"], nibabel.load(folder / f"{name}.nii.gz").dataobj
            )
        assert json.loads(file.attrs["parameters"])["tumour"] == parameters["tumour"]
        assert "kspace" not in file
    assert json.loads(json.dumps(parameters)) == parameters


def test_the_dicom_series_lie_where_the_nifti_files_lie(glioma):
    folder, parameters = glioma
    for name in CONTRASTS:
        files = sorted((folder / "dicom" / name).glob("slice-*.dcm"))
        assert len(files) == parameters["grid"]["shape"][2]
        assert pydicom.dcmread(files[0])["SyntheticData"].value == "YES"
        voxels, grid = io.read_dicom_folder(folder / "dicom" / name)
        np.testing.assert_allclose(grid.affine, parameters["grid"]["affine"], atol=1e-4)
        written = np.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj)
        np.testing.assert_allclose(voxels, written, atol=written.max() / 4095)


def test_labels_agree_with_the_density_of_tumour_cells(glioma):
    folder, parameters = glioma
    labels = np.asarray(nibabel.load(folder / "labels.nii.gz").dataobj)
    density = np.asarray(nibabel.load(folder / "tumour.nii.gz").dataobj)
    number = {name: int(n) for n, name in parameters["label_names"].items()}
    dead, rim, wet = (labels == number[n] for n in ("necrotic_core", "enhancing_tumour", "oedema"))
    limits = {
        name: parameters["quantities"][f"tumour.{name}_from"] for name in ("oedema", "enhancing", "necrotic")
    }
    assert wet.any()
    assert (rim | dead).any()
    assert density[wet].min() > limits["oedema"] - 0.03
    assert density[wet].max() < limits["enhancing"] + 0.03
    assert density[rim | dead].min() > limits["enhancing"] - 0.03
    assert density.max() <= 1
    assert not density[(labels == number["air"]) | (labels == number["cortical_bone"])].any()
    at = np.rint(
        np.linalg.solve(np.array(parameters["grid"]["affine"]), [*parameters["tumour"]["seed_mm"], 1])[:3]
    )
    assert density[tuple(at.astype(int))] > 0.9 * density.max()


def test_the_contrasts_look_as_they_must(glioma):
    """White matter leads on T1 but for what the agent enhances, fluid on T2; FLAIR hides fluid and shows oedema."""
    folder, parameters = glioma
    images = {name: np.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj) for name in CONTRASTS}
    labels = np.asarray(nibabel.load(folder / "labels.nii.gz").dataobj)
    number = {name: int(n) for n, name in parameters["label_names"].items()}

    def mean(contrast, tissue):
        return float(np.median(images[contrast][labels == number[tissue]]))

    assert mean("t1w", "white_matter") > mean("t1w", "grey_matter") > mean("t1w", "csf")
    assert mean("t1w", "enhancing_tumour") > 1.5 * mean("t1w", "white_matter")
    assert min(mean("t2w", "csf"), mean("t2w", "oedema")) > 1.3 * mean("t2w", "white_matter")
    assert mean("flair", "oedema") > mean("flair", "white_matter") > mean("flair", "csf")


def test_a_head_ct_case_holds_what_others_can_read(head):
    folder, parameters = head
    hu = np.asarray(nibabel.load(folder / "ct.nii.gz").dataobj)
    labels = np.asarray(nibabel.load(folder / "labels.nii.gz").dataobj)
    number = {name: int(n) for n, name in parameters["label_names"].items()}
    assert np.median(hu[labels == number["air"]]) < -900
    assert 0 < np.median(hu[labels == number["white_matter"]]) < 80
    share = assert_lesion(folder, "haemorrhage", parameters["haemorrhage"])
    voxels, grid = io.read_dicom_folder(folder / "dicom" / "ct")
    np.testing.assert_array_equal(voxels, hu)
    np.testing.assert_allclose(grid.affine, parameters["grid"]["affine"], atol=1e-4)
    with h5py.File(folder / "case.h5") as file:
        columns = parameters["geometry"]["detector_shape"][1]
        assert file["sinogram"].shape == (parameters["geometry"]["turns"], 48, columns)
        assert np.isfinite(file["sinogram"]).all()
        np.testing.assert_array_equal(file["haemorrhage"], share)
        assert file["haemorrhage"].attrs["units"] == "1"
    assert (folder / "contact_sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("name", "overrides"), [("brain-glioma-mri", GLIOMA), ("head-ct", HEAD)])
def test_the_same_case_has_the_same_bytes_and_the_next_one_differs(name, overrides, request, tmp_path):
    folder, parameters = request.getfixturevalue("glioma" if name.startswith("brain") else "head")
    loaded = recipe.load(name, overrides)
    for index in (1, 0):
        (tmp_path / str(index)).mkdir()
        again = make_case(loaded, index, tmp_path / str(index), offline=True)
        assert (again == parameters) == (index == 0)
        assert (digests(tmp_path / str(index)) == digests(folder)) == (index == 0)
    first, second = digests(folder), digests(tmp_path / "1")
    assert all(
        first[file] != second[file] for file in first.keys() & second.keys() if not file.endswith("json")
    )


@pytest.mark.slow
def test_another_process_with_one_thread_makes_the_same_bytes(glioma, tmp_path):
    code = (
        "import sys; from physim.study import recipe; from physim.study.cases import make_case;"
        f"make_case(recipe.load('brain-glioma-mri', {GLIOMA!r}), 0, sys.argv[1], offline=True)"
    )
    # One OpenMP thread and one for XLA: a case must not depend on how its work was shared out.
    flags = {
        "NUMBA_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    }
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=os.environ | flags)
    assert digests(tmp_path) == digests(glioma[0])


def test_extras_are_written_only_when_asked_for(tmp_path):
    asked = GLIOMA | {"output.kspace": True, "output.dicom": False}
    parameters = make_case(recipe.load("brain-glioma-mri", asked), 0, tmp_path, offline=True)
    assert not (tmp_path / "dicom").exists()
    with h5py.File(tmp_path / "case.h5") as file:
        samples = file["kspace/t1w"][()]
        image = file["images/t1w"][()]
    assert samples.shape == tuple(parameters["grid"]["shape"])
    # Parseval: the energy in k-space is that in the image.
    voxel = abs(np.linalg.det(np.array(parameters["grid"]["affine"])[:3, :3]))
    energy = np.sum(np.abs(samples) ** 2) / (voxel**2 * samples.size)
    assert np.sum(image**2) == pytest.approx(energy, rel=1e-3)


@pytest.mark.data
def test_the_atlas_makes_a_case_too(tmp_path):
    if not io.is_present("mni152"):
        pytest.skip("mni152 is not on this machine: physim data fetch mni152")
    asked = GLIOMA | {"anatomy": "mni152"}
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    one = make_case(recipe.load("brain-glioma-mri", asked), 0, tmp_path / "a", offline=True)
    two = make_case(recipe.load("brain-glioma-mri", asked), 1, tmp_path / "b", offline=True)
    assert one["anatomy"]["source"] == "mni152"
    assert one["anatomy"]["scale"] != two["anatomy"]["scale"]
    assert one["tumour"]["volume_ml"] > 1
    assert digests(tmp_path / "a")["labels.nii.gz"] != digests(tmp_path / "b")["labels.nii.gz"]


def test_each_name_draws_from_a_stream_of_its_own(key):
    plain = drawn(recipe.load("brain-glioma-mri"), key)
    changed = drawn(recipe.load("brain-glioma-mri", {"tumour.days": 200.0}), key)
    assert changed["tumour.days"] == 200.0
    assert {n for n in plain if plain[n] != changed[n]} == {"tumour.days"}


def test_draws_follow_their_distribution(key):
    keys = jax.random.split(key, 300)
    uniform = np.array([value_of(recipe.Draw(low=2.0, high=4.0), k) for k in keys])
    normal = np.array([value_of(recipe.Draw(low=0.0, high=10.0, mean=5.0, sd=1.0), k) for k in keys])
    # Five standard errors of 300 draws.
    assert abs(uniform.mean() - 3) < 5 * (2 / 12**0.5) / 300**0.5
    assert 2 <= uniform.min() < uniform.max() <= 4
    assert abs(normal.mean() - 5) < 5 / 300**0.5
    assert abs(normal.std() - 1) < 5 / (2 * 300) ** 0.5


def test_a_lesion_sits_deep_in_its_tissue(key):
    from physim_phantoms import Grid

    grid = Grid((40, 40, 40), 2.0)
    radius = np.linalg.norm(np.asarray(grid.centres()), axis=-1)
    region, host = radius < 35, (np.asarray(grid.centres())[..., 0] > 0).astype(float)
    for number in range(8):
        site = np.array(lesion_site(host, region, grid, named_key(key, str(number)), depth=10.0))
        assert np.linalg.norm(site) <= 25 + 2
        assert site[0] > 0
        assert site[2] >= -0.2 * 35 - 2
    with pytest.raises(ValueError, match="no tissue"):
        lesion_site(host, np.zeros(grid.shape, bool), grid, key)


@pytest.mark.parametrize("index", [-1])
def test_refuses_cases_that_cannot_be(index, tmp_path):
    loaded = recipe.load("head-ct", HEAD)
    with pytest.raises(ValueError, match="counted from 0"):
        make_case(loaded, index, tmp_path)
    with pytest.raises(ValueError, match="not a folder"):
        make_case(loaded, 0, tmp_path / "nowhere")
