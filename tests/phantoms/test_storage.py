"""Phantoms on disk: whole or absent, exact, and refused in one line when they are something else."""

import equinox as eqx
import h5py
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physim_phantoms import TISSUES, Grid, InputError, Phantom, Tissue

GRID = Grid(
    (5, 4, 3), (1.0, 2.0, 0.5), (3.0, -7.0, 11.0), [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
)


def make(seed=0, components=3, grid=GRID):
    parts = np.random.default_rng(seed).dirichlet(np.ones(4), grid.shape).astype(np.float32)
    own = Tissue(
        "gel µ", 1.013, {"H": 0.1, "O": 0.7, "Gd": 0.2}, proton_density=0.9, t1=1.2, t2=0.1, citation="mine"
    )
    maps = {"liver": parts[..., 0], own: parts[..., 1], TISSUES["blood"].with_iodine(3.7): parts[..., 2]}
    return Phantom.from_fractions(grid, maps, components)


def assert_equal(first, second):
    assert first.names == second.names
    assert [t.citation for t in first.tissues] == [t.citation for t in second.tissues]
    one, two = jax.tree.flatten(first), jax.tree.flatten(second)
    assert one[1] == two[1]
    for a, b in zip(one[0], two[0], strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("components", [1, 2, 3])
def test_a_round_trip_changes_no_bit(components, tmp_path):
    patient = make(1, components)
    patient.save(tmp_path / "patient.h5")
    assert_equal(Phantom.load(tmp_path / "patient.h5"), patient)


def test_large_volumes_are_packed(tmp_path):
    grid = Grid((40, 30, 20))
    inside = np.linalg.norm(grid.centres(), axis=-1) < 9
    patient = Phantom.from_fractions(grid, {"liver": inside.astype(np.float32)})
    patient.save(tmp_path / "patient.h5")
    assert_equal(Phantom.load(tmp_path / "patient.h5"), patient)
    assert (tmp_path / "patient.h5").stat().st_size < patient.bytes_per_voxel * grid.size / 3


@settings(max_examples=20, deadline=None)
@given(
    st.floats(0.1, 20.0),
    st.lists(st.floats(0.2, 5.0), min_size=3, max_size=3),
    st.dictionaries(st.sampled_from(["H", "C", "O", "Ca"]), st.floats(0.01, 1.0), min_size=1),
)
def test_any_tissue_comes_back_exactly(tmp_path_factory, density, t1, composition):
    total = sum(composition.values())
    tissue = TISSUES["liver"].replace(
        density=density, t1=t1, composition={k: v / total for k, v in composition.items()}
    )
    patient = Phantom.from_fractions(Grid((2, 2, 2)), {tissue: np.ones((2, 2, 2), np.float32)})
    path = tmp_path_factory.mktemp("round") / "patient.h5"
    patient.save(path)
    assert_equal(Phantom.load(path), patient)


def test_changed_values_are_kept(tmp_path):
    patient = eqx.tree_at(lambda p: p.tissues[0].t1, make(), np.array([0.61, 0.82, 1.07]))
    patient.save(tmp_path / "patient.h5")
    np.testing.assert_array_equal(Phantom.load(tmp_path / "patient.h5").tissues[0].t1, [0.61, 0.82, 1.07])


def test_double_precision_survives(tmp_path, x64):
    maps = {"liver": np.random.default_rng(0).random(GRID.shape)}
    patient = Phantom.from_fractions(GRID, maps)
    patient.save(tmp_path / "patient.h5")
    assert_equal(Phantom.load(tmp_path / "patient.h5"), patient)
    assert patient.fractions.dtype == np.float64


def test_the_same_patient_gives_the_same_bytes(tmp_path):
    make().save(tmp_path / "one.h5")
    make().save(tmp_path / "two.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_the_file_says_what_it_is(tmp_path):
    make().save(tmp_path / "patient.h5")
    with h5py.File(tmp_path / "patient.h5") as file:
        assert file.attrs["schema"] == "physim-phantom"
        assert file.attrs["schema_version"] == 1
        assert file.attrs["synthetic"]
        assert file["grid"].attrs["space"] == "RAS+"
        assert file["tissues/density"].attrs["unit"] == "g/cm³"
        np.testing.assert_array_equal(file["tissues/t1"][0], TISSUES["liver"].t1)


def test_files_from_before_a_property_have_its_default(tmp_path):
    patient = Phantom.from_fractions(GRID, {"adipose": np.full(GRID.shape, 0.5)})
    patient.save(tmp_path / "patient.h5")
    with h5py.File(tmp_path / "patient.h5", "r+") as file:
        assert file["tissues/chemical_shift"].attrs["unit"] == "ppm"
        del file["tissues/chemical_shift"]
    old = Phantom.load(tmp_path / "patient.h5")
    assert [float(tissue.chemical_shift) for tissue in old.tissues] == [0.0, 0.0]
    assert old.names == patient.names


def test_missing_folders_are_made_and_nothing_is_left_beside(tmp_path):
    make().save(tmp_path / "new" / "folder" / "patient.h5")
    make(1).save(tmp_path / "new" / "folder" / "patient.h5")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["patient.h5"]
    assert_equal(Phantom.load(tmp_path / "new" / "folder" / "patient.h5"), make(1))


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "patient.h5"
    make().save(path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"cannot write .*No space left"):
        make(1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot write"):
        make().save(tmp_path / "file" / "patient.h5")


def test_impossible_values_are_refused_before_anything_is_written(tmp_path):
    broken = eqx.tree_at(lambda p: p.tissues[0].density, make(), np.asarray(np.nan))
    with pytest.raises(InputError, match="density of liver"):
        broken.save(tmp_path / "patient.h5")
    assert not list(tmp_path.iterdir())


def test_a_traced_phantom_cannot_be_saved(tmp_path):
    with pytest.raises(InputError, match="outside jit"):
        eqx.filter_jit(lambda p: p.save(tmp_path / "patient.h5"))(make())


def assert_refused(path, match):
    """The one-line refusal of a file."""
    with pytest.raises(InputError, match=match) as caught:
        Phantom.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    assert_refused(tmp_path / "absent.h5", "is no file")
    assert_refused(tmp_path, "is no file")


@pytest.mark.parametrize("keep", [0, 7, 100, 1000, 0.5, 0.9, -1])
def test_a_truncated_file_is_refused(keep, tmp_path):
    path = tmp_path / "patient.h5"
    make(grid=Grid((20, 20, 20))).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    assert_refused(path, "no readable phantom")


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5 at all, but a long enough text to be read as one " * 40)
    assert_refused(tmp_path / "text.h5", "no readable phantom")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["ids"] = np.zeros(3)
    assert_refused(tmp_path / "other.h5", "no phantom")


def test_a_newer_schema_is_refused(tmp_path):
    make().save(tmp_path / "patient.h5")
    with h5py.File(tmp_path / "patient.h5", "r+") as file:
        file.attrs["schema_version"] = 99
    assert_refused(tmp_path / "patient.h5", "update physim")


def too_large(file):
    file["ids"][...] = 200


def not_a_number(file):
    file["fractions"][...] = np.nan


def overfull(file):
    file["fractions"][...] = 0.9


def no_density(file):
    del file["tissues/density"]


def bad_density(file):
    file["tissues/density"][0] = -1


def other_grid(file):
    file["grid"].attrs["shape"] = [5, 4, 4]


def tissues_are_numbers(file):
    del file["tissues"]
    file["tissues"] = np.zeros(3)


def broken_citation(file):
    file["tissues/citation"][0] = b"["


@pytest.mark.parametrize(
    "damage",
    [
        too_large,
        not_a_number,
        overfull,
        no_density,
        bad_density,
        other_grid,
        tissues_are_numbers,
        broken_citation,
    ],
)
def test_damaged_contents_are_refused(damage, tmp_path):
    make().save(tmp_path / "patient.h5")
    with h5py.File(tmp_path / "patient.h5", "r+") as file:
        damage(file)
    assert_refused(tmp_path / "patient.h5", "no readable phantom")
