"""Dual-energy CT of the abdomen at coarse resolution: iodine is found where it is, and images order as they must."""

import typing

import numpy as np
import pytest
from scipy import ndimage

from physim.study import dual_energy
from physim.study.recipe_body_ct import AbdomenDualEnergyRecipe
from physim_phantoms import TISSUES
from tests.study.made_cases import BODY, made, masks, voxels


@pytest.fixture(scope="module")
def abdomen(tmp_path_factory):
    asked = BODY | {
        "protocol.views": 40,
        "contrast.blood": 6.0,
        "contrast.liver": 5.0,
        "contrast.kidney": 8.0,
    }
    return made(tmp_path_factory, "abdomen-ct-dual-energy", asked)


@pytest.mark.slow
def test_iodine_is_found_where_it_is(abdomen):
    folder, parameters = abdomen
    found, truth, tissue = voxels(folder, "iodine"), voxels(folder, "iodine_truth"), masks(folder, parameters)
    pure = tissue["liver"] & (np.abs(truth - 5.0) < 0.25)
    assert pure.sum() > 50
    assert np.mean(found[pure]) == pytest.approx(np.mean(truth[pure]), abs=1.0)
    # Bone hardens the beam, so muscle is judged away from it.
    muscle = ndimage.binary_erosion(tissue["muscle"])
    assert abs(np.median(found[muscle])) < 1.0
    low, high, mono = (voxels(folder, name) for name in ("ct_low", "ct_high", "monoenergetic"))
    # Iodine attenuates soft photons more: 80 kV over 140 kV, and 55 keV over both.
    assert np.mean(mono[pure]) > np.mean(low[pure]) > 1.3 * np.mean(high[pure])
    assert np.mean(voxels(folder, "water")[pure]) == pytest.approx(1.05, abs=0.06)
    for name in ("ct_low", "ct_high", "monoenergetic"):
        assert len(list((folder / "dicom" / name).glob("*.dcm"))) == low.shape[2]


@pytest.mark.slow
def test_bone_does_not_pass_for_iodine(abdomen):
    folder, parameters = abdomen
    found, share, tissue = voxels(folder, "iodine"), voxels(folder, "bone"), masks(folder, parameters)
    bone = tissue["trabecular_bone"] | tissue.get("cortical_bone", False)
    assert bone.sum() > 50
    assert np.mean(np.abs(found[bone])) < 2.0
    assert np.mean(share[bone]) > 0.1
    # A voxel of liver beside a rib holds some of it.
    far = tissue["liver"] & ~ndimage.binary_dilation(bone, iterations=2)
    assert far.sum() > 50
    assert np.mean(share[far]) < 0.01


def maps_of(recipe_words):
    """What is made of water and iodine in equal voxels of known tissues: 5 x 5 x 5 each, side by side."""
    water = np.concatenate([np.full((5, 5, 5), w) for w, _ in recipe_words])
    iodine = np.concatenate([np.full((5, 5, 5), i) for _, i in recipe_words])
    made = dual_energy.material_maps(np.stack([water - iodine / 10, iodine / 10]), 2.5)
    return {name: volume[2::5, 2, 2] for name, volume in made.items()}


def test_volume_is_the_third_equation():
    """Half cortical bone and half marrow is half bone without iodine; muscle with iodine is no bone."""
    muscle, bone, red, yellow = (
        np.array(dual_energy.worth(TISSUES[t]))
        for t in ("muscle", "cortical_bone", "red_marrow", "yellow_marrow")
    )
    half = ((red[0] + yellow[0]) / 4 + bone[0] / 2, bone[1] / 2)
    made = maps_of([half, (muscle[0], 6.0), (1.0, 0.0)])
    np.testing.assert_allclose(made["bone"], [0.5, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(made["iodine"], [0.0, 6.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(made["water"], [half[0], muscle[0], 1.0], rtol=1e-6)


def test_basis_materials_are_worth_themselves():
    assert dual_energy.worth(TISSUES["water"]) == pytest.approx((1.0, 0.0), abs=1e-4)
    assert dual_energy.worth(TISSUES["water"].with_iodine(4.0)) == pytest.approx((1.0, 4.0), abs=1e-3)


def test_every_word_for_a_decomposition_has_an_object():
    words = AbdomenDualEnergyRecipe.model_fields["protocol"].annotation.model_fields["decomposition"]
    made = {word: dual_energy.decomposition_of(word) for word in typing.get_args(words.annotation)}
    assert made == {"readings": dual_energy.FromReadings(), "images": dual_energy.FromImages()}
