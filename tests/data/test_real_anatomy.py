"""Real images become patients: the MNI152 atlas, a head CT and two chest CTs, where they have been fetched."""

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from physim import io
from physim_phantoms import TISSUES, Grid, InputError, anatomy

pytestmark = pytest.mark.data
BONE = ("trabecular_bone", "cortical_bone", "tooth")


def fetched(load, *arguments):
    try:
        return load(*arguments, offline=True)
    except InputError as error:
        pytest.skip(str(error))


def thinned(array, grid, steps):
    """Every n-th voxel, on the grid where those lie."""
    kept = np.ascontiguousarray(array[tuple(slice(None, None, n) for n in steps)])
    return kept, Grid(kept.shape, np.asarray(grid.spacing) * steps, grid.origin, grid.direction)


def hounsfield(patient, energy=70.0):
    return 1000 * (
        np.asarray(patient.attenuation(energy))[0] / float(TISSUES["water"].attenuation(energy)) - 1
    )


def total(patient, names) -> np.ndarray:
    return np.sum([np.asarray(patient.fraction(name)) for name in names], axis=0)


def filled(mask) -> np.ndarray:
    return np.asarray(ndimage.binary_fill_holes(mask))


def grown(mask, by: int) -> np.ndarray:
    return np.asarray(ndimage.binary_dilation(mask, iterations=by))


def parts_of(mask) -> np.ndarray:
    parts = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, output=parts)
    return parts


@pytest.fixture(scope="module")
def mni():
    maps, grid = fetched(io.load_mni152)
    brain = {}
    for name in ("grey_matter", "white_matter"):
        brain[name], coarse = thinned(maps[name], grid, (3, 3, 3))
    return brain, coarse


@pytest.fixture(scope="module")
def head_ct():
    return thinned(*fetched(io.load_cranium_ct), (2, 2, 2))


@pytest.fixture(scope="module", params=[1, 2])
def chest(request):
    hu, mask, grid = fetched(io.load_lung_ct, request.param)
    hu, coarse = thinned(hu, grid, (4, 4, 1))
    return hu, mask[::4, ::4] > 0, coarse


def test_atlas_has_the_volumes_of_a_brain(mni):
    maps, grid = mni
    patient = anatomy.from_probability_maps(grid, maps, background="csf")
    grey, white = (float(patient.volume(name)) / 1000 for name in maps)
    # The maps at full resolution sum to 1008 and 670 ml; MNI152 is known to be larger than the average adult's brain.
    assert grey == pytest.approx(1008, rel=0.01)
    assert white == pytest.approx(670, rel=0.01)
    assert 1.1 < grey / white < 1.8, "healthy adults"
    t1 = np.asarray(patient.map("t1"))
    genu = tuple(np.rint(grid.world_to_index(np.array([0.0, 28.0, 4.0]))).astype(int))
    caudate = tuple(np.rint(grid.world_to_index(np.array([11.0, 14.0, 8.0]))).astype(int))
    assert t1[genu] < t1[caudate], "white matter recovers faster than grey"


@pytest.mark.parametrize("flips", [(-1, 1, 1), (1, -1, -1)], ids=["right to left", "upside down"])
def test_atlas_stored_the_other_way_round_is_the_same_patient(mni, tmp_path, flips):
    maps, grid = mni
    lopsided = {name: values.copy() for name, values in maps.items()}
    lopsided["grey_matter"][: grid.shape[0] // 2] *= 0.5  # the atlas itself is symmetric
    ends = [grid.shape[axis] - 1 if flip < 0 else 0 for axis, flip in enumerate(flips)]
    affine = grid.affine @ np.array([*np.eye(4)[:3] * np.array([[f] for f in flips]), [0, 0, 0, 1]])
    affine[:3, 3] = grid.index_to_world(np.array(ends))
    read, place = {}, None
    for name, values in lopsided.items():
        turned = values[tuple(slice(None, None, f) for f in flips)]
        nibabel.Nifti1Image(turned, affine).to_filename(tmp_path / f"{name}.nii.gz")
        read[name], place = io.read_image(tmp_path / f"{name}.nii.gz")
    assert place is not None
    patient = anatomy.from_probability_maps(place, read, background="csf")
    np.testing.assert_allclose(patient.grid.affine, grid.affine, atol=1e-4)
    np.testing.assert_allclose(patient.fraction("grey_matter"), lopsided["grey_matter"], atol=1e-6)
    left = np.asarray(grid.centres())[..., 0] < 0
    grey = np.asarray(patient.fraction("grey_matter"))
    assert grey[left].sum() == pytest.approx(0.5 * grey[~left].sum(), rel=0.05)


def test_atlas_in_a_head(mni):
    maps, grid = mni
    head = {name: np.asarray(values) for name, values in anatomy.embed_in_head(maps, grid).items()}
    for name, values in maps.items():
        assert head[name].sum() > 0.99 * values.sum(), "hardly any brain is cut away"
    bone = head["cortical_bone"] + head["trabecular_bone"] > 0.5
    # The spinal canal leaves the grid below; with that opening shut the skull is closed.
    shut = np.concatenate([np.ones_like(bone[:, :, :1]), bone], axis=2)
    parts = parts_of(~shut)
    brain = (head["grey_matter"] + head["white_matter"] > 0.5) & (np.arange(grid.shape[2]) > 1)
    inside = set(np.unique(parts[:, :, 1:][brain])) - {0}
    outside = set(np.unique(parts[:, :, 1:][head["skin"] > 0.5])) - {0}
    assert inside
    assert not inside & outside
    patient = anatomy.from_probability_maps(grid, head, components=4)
    middle = tuple(
        np.rint(grid.world_to_index(np.array([12.0, -30.0, 20.0]))).astype(int)
    )  # lateral ventricle
    assert float(patient.fraction("csf")[middle]) > 0.3
    outer = np.asarray(patient.fraction("air")) < 0.5
    across = outer.any((1, 2)).sum() * 3.0
    assert 150 < across < 180, "breadth of an adult head, mm"


def test_head_ct_gives_its_hounsfield_units_back(head_ct):
    hu, grid = head_ct
    patient = anatomy.from_ct(grid, hu)
    seen = (hu > -998) & (hu < 2900)
    assert np.abs(hounsfield(patient) - hu)[seen].max() < 1.0
    assert seen.mean() > 0.4, "the rest is padding and air below -998 HU"


def test_head_ct_has_a_skull(head_ct):
    hu, grid = head_ct
    bone = total(anatomy.from_ct(grid, hu), BONE)
    assert 0.5e6 < bone.sum() * grid.voxel_volume < 1.0e6, "mm³ of bone from the upper jaw to the vertex"
    compact = bone > 0.5
    for k in range(28, 48, 4):
        middle = np.argwhere(ndimage.binary_closing(compact[:, :, k])).mean(axis=0)
        around = np.degrees(np.arctan2(*(np.argwhere(compact[:, :, k]) - middle).T))
        covered = np.unique(np.round(around / 5)).size / 73
        assert covered > 0.9, "bone in nearly every direction (this patient's vault has one gap in front)"
    closed = filled(compact[:, :, 46])
    assert closed.sum() > 1.8 * compact[:, :, 46].sum(), "above the gap the vault is a closed ring"


def test_chest_ct_has_two_lungs_the_right_one_larger(chest):
    hu, _, grid = chest
    patient = anatomy.from_ct(grid, hu)
    body = np.stack([filled(hu[:, :, k] > -300) for k in range(hu.shape[2])], axis=2)
    air = np.asarray(patient.fraction("air"))
    gas = (air + np.asarray(patient.fraction("lung")) > 0.5) & body
    parts = parts_of(gas & (air < 0.8))  # without the windpipe, which joins them
    volumes = np.bincount(parts.ravel())[1:] * grid.voxel_volume / 1e6
    largest = np.argsort(volumes)[::-1][:2] + 1
    assert volumes[largest - 1].sum() > 0.95 * volumes.sum(), "two lungs and little else"
    assert volumes[largest - 1].min() > 0.6, "litres"
    assert 2.0 < gas.sum() * grid.voxel_volume / 1e6 < 6.5, "litres, both lungs breathed in"
    centres = [ndimage.center_of_mass(parts == n)[0] for n in largest]
    assert centres[0] > centres[1], "the right lung, at larger x, is the larger"
    assert np.abs(hounsfield(patient) - hu)[(hu > -998) & (hu < 2900)].max() < 1.0


def test_tumour_lies_in_soft_tissue(chest):
    hu, mask, grid = chest
    patient = anatomy.from_ct(grid, hu)
    solid = total(patient, ("adipose", "soft_tissue"))[mask].mean()
    assert solid > 0.85
    dilated = grown(mask, 4) & ~grown(mask, 1)
    assert total(patient, ("air", "lung"))[dilated].mean() > 0.3, "and lung tissue is around it"
