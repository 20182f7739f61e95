"""The tissue table and its rules: sources, orderings, fields, contrast agents, refusals."""

import pathlib
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from physim_phantoms import TISSUES, InputError, Tissue
from physim_phantoms.relaxation import FIELDS
from physim_phantoms.tissue import RANGES, RELAXATION_TIMES
from tests.helper import assert_gradient, unchecked

WITH_SIGNAL = [name for name, tissue in TISSUES.items() if tissue.proton_density > 0]


def hounsfield(name, energy=70.0):
    water = float(TISSUES["water"].attenuation(energy))
    return 1000 * (float(TISSUES[name].attenuation(energy)) / water - 1)


def times(name, field):
    return [float(TISSUES[name].value(time, field)) for time in RELAXATION_TIMES]


def printed_row(name):
    """One row of the table in docs/tissues.md, from the values themselves."""
    tissue = TISSUES[name]
    times = [f"{1000 * float(tissue.value(time, 3.0)):.4g}" for time in ("t1", "t2")]
    times = times if tissue.proton_density > 0 else ["–", "–"]
    stiffness = f"{float(tissue.youngs_modulus):,.12g}"
    return f"| {name} | {float(tissue.density):.4g} | {times[0]} | {times[1]} | {hounsfield(name):.0f} | {stiffness} |"


def test_the_printed_table_is_the_table():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "tissues.md").read_text(encoding="utf-8")
    printed = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    printed = [cells for cells in printed if cells[0][2:] in TISSUES]
    assert len(printed) == len(TISSUES)
    for cells, name in zip(printed, TISSUES, strict=True):
        expected = printed_row(name).split(" | ")
        assert abs(int(cells.pop(4)) - int(expected.pop(4))) <= 1, name  # the last digit may round either way
        assert cells == expected


def test_fat_precesses_more_slowly_than_water():
    shifted = {
        name: float(tissue.chemical_shift) for name, tissue in TISSUES.items() if tissue.chemical_shift
    }
    assert shifted == {"adipose": -3.4, "yellow_marrow": -3.4}


def test_there_are_enough_tissues():
    assert len(TISSUES) >= 40
    assert {"air", "water", "grey_matter", "white_matter", "csf", "cranium", "enhancing_tumour"} <= set(
        TISSUES
    )
    assert {"lung", "liver", "muscle", "adipose", "cortical_bone", "titanium", "blood"} <= set(TISSUES)


@pytest.mark.parametrize("name", list(TISSUES))
def test_every_row_names_its_sources(name):
    citation = dict(TISSUES[name].citation)
    shifted = {"chemical_shift"} if TISSUES[name].chemical_shift else set()
    assert set(citation) == {"composition", "relaxation", "stiffness"} | shifted
    assert all(len(source) > 10 for source in citation.values())


def test_printed_compositions_sum_to_one():
    import tomllib
    from importlib.resources import files

    table = tomllib.loads((files("physim_phantoms") / "tables/tissues.toml").read_text(encoding="utf-8"))
    for name, row in table.items():
        assert sum(row["composition"].values()) == pytest.approx(1, abs=1e-5), name


def test_relaxation_times_are_in_order_at_every_field():
    for name in WITH_SIGNAL:
        for field in np.geomspace(0.01, 20.0, 9):
            t1, t2, t2_star = times(name, float(field))
            assert 0 < t2_star <= t2 * 1.00001 <= t1 * 1.00002, (name, field)


def test_t1_grows_and_t2_star_falls_with_the_field():
    for name in WITH_SIGNAL:
        tissue = TISSUES[name]
        if "gadolinium" not in name:  # relaxivity falls with the field in its own way
            assert np.all(np.diff(tissue.t1) >= 0), name
        assert np.all(np.diff(tissue.t2_star) <= 0), name
        assert tissue.t2[2] <= tissue.t2[1], name


def test_contrasts_that_every_radiologist_knows():
    for field in (1.5, 3.0, 7.0):
        t1 = {name: times(name, field)[0] for name in ("adipose", "white_matter", "grey_matter", "csf")}
        assert t1["adipose"] < t1["white_matter"] < t1["grey_matter"] < t1["csf"]
    t2 = {name: times(name, 3.0)[1] for name in ("liver", "white_matter", "grey_matter", "oedema", "csf")}
    assert t2["liver"] < t2["white_matter"] < t2["grey_matter"] < t2["oedema"] < t2["csf"]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    # W. A. Kalender, Computed Tomography (2011), and common ranges of radiology text books, HU.
    [
        ("air", -1000, -995),
        ("lung", -900, -600),
        ("adipose", -120, -60),
        ("water", -0.001, 0.001),
        ("csf", 0, 15),
        ("white_matter", 20, 40),
        ("grey_matter", 30, 45),
        ("blood", 40, 65),
        ("liver", 45, 65),
        ("kidney", 30, 50),
        ("muscle", 35, 60),
        ("trabecular_bone", 100, 400),
        ("cranium", 700, 1500),
        ("cortical_bone", 1200, 2000),
        ("tooth", 2000, 3500),
        ("acrylic", 90, 140),  # Catphan 600, CTP404: 92-137
        ("teflon", 900, 1000),  # 941-1060
        ("delrin", 330, 390),  # 344-387
        ("pmp", -220, -170),  # -220 to -172
        ("ldpe", -121, -87),  # -121 to -87
        ("polystyrene", -65, -29),  # -65 to -29
    ],
)
def test_hounsfield_units_are_where_radiology_expects_them(name, low, high):
    assert low <= hounsfield(name) <= high


def test_metals_outrank_bone():
    order = ["cortical_bone", "tooth", "titanium", "stainless_steel", "cobalt_chromium", "gold"]
    values = [hounsfield(name) for name in order]
    assert values == sorted(values)


@pytest.mark.parametrize("time", RELAXATION_TIMES)
def test_the_curve_goes_through_the_table(time):
    for name in ("grey_matter", "blood", "liver", "water"):
        values = [TISSUES[name].value(time, field) for field in FIELDS]
        np.testing.assert_allclose(values, getattr(TISSUES[name], time), rtol=2e-6)


def test_the_curve_is_the_monotone_cubic():
    # Independent: SciPy's PCHIP has the same tangent at 3 T; at the ends ours are the secants.
    tissue = TISSUES["white_matter"]
    x, y = np.log(FIELDS), np.log(tissue.t1)
    tangent = PchipInterpolator(x, y).derivative()(x[1])
    step = 1e-2
    values = [float(jnp.log(tissue.value("t1", float(np.exp(x[1] + s))))) for s in (-step, step)]
    assert (values[1] - values[0]) / (2 * step) == pytest.approx(tangent, rel=2e-3)


def test_t1_follows_a_power_law_at_low_field():
    # P. A. Bottomley et al., Med. Phys. 11 (1984) 425: T1 grows as the field to a power of about a third.
    low, high = times("white_matter", 0.05)[0], times("white_matter", 0.5)[0]
    assert 0.25 < np.log10(high / low) < 0.5


def test_the_curve_has_no_kink(x64):
    for time in RELAXATION_TIMES:
        slope = jax.grad(lambda field, time=time: jnp.log(TISSUES["grey_matter"].value(time, field)))
        for field in FIELDS:
            assert slope(field * (1 - 1e-9)) == pytest.approx(float(slope(field * (1 + 1e-9))), abs=1e-6)


def test_derivatives_in_field_and_times(x64):
    tissue = TISSUES["white_matter"]

    def at(leaves):
        field, t1, t2, t2_star = leaves[0], leaves[1:4], leaves[4:7], leaves[7:]
        changed = eqx.tree_at(lambda t: (t.t1, t.t2, t.t2_star), tissue, (t1, t2, t2_star))
        return sum(changed.value(time, field) for time in RELAXATION_TIMES)

    leaves = np.concatenate([[4.2], tissue.t1, tissue.t2, tissue.t2_star])
    assert_gradient(jax.jit(at), jnp.asarray(leaves), step=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.01, 5.0), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3),
    st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3),
    st.floats(0.01, 20.0),
)
def test_any_ordered_times_stay_ordered_and_bounded(t1, ratio, ratio_star, field):
    t2 = np.multiply(t1, ratio)
    tissue = Tissue("any", 1.0, {"H": 1.0}, proton_density=1.0, t1=t1, t2=t2, t2_star=t2 * ratio_star)
    at = {time: float(tissue.value(time, field)) for time in RELAXATION_TIMES}
    assert 0 < at["t2_star"] <= at["t2"] * 1.00001 <= at["t1"] * 1.00002
    if FIELDS[0] <= field <= FIELDS[2]:
        assert min(t1) * 0.99999 <= at["t1"] <= max(t1) * 1.00001


def test_materials_without_signal_give_zero_and_no_nan():
    def signal(field, tissue):
        t1, t2_star = tissue.value("t1", field), tissue.value("t2_star", field)
        return tissue.proton_density * (1 - jnp.exp(-1.0 / t1)) * jnp.exp(-0.01 / t2_star)

    evaluate = jax.jit(jax.value_and_grad(signal))
    for name in sorted(set(TISSUES) - set(WITH_SIGNAL)):
        plain = TISSUES[name].replace(name="any", citation="")  # one tree structure, one compilation
        assert evaluate(3.0, plain) == (0, 0), name


def test_replace_makes_a_variant_and_leaves_the_original():
    before = TISSUES["liver"].t1.copy()
    fatty = TISSUES["liver"].replace(name="fatty_liver", density=1.02, t1=[0.5, 0.7, 0.9])
    assert fatty.name == "fatty_liver"
    assert fatty.density == 1.02
    np.testing.assert_array_equal(fatty.t1, [0.5, 0.7, 0.9])
    np.testing.assert_array_equal(TISSUES["liver"].t1, before)
    np.testing.assert_array_equal(fatty.mass_fractions, TISSUES["liver"].mass_fractions)
    assert fatty.citation == TISSUES["liver"].citation


def test_one_number_serves_all_fields():
    tissue = Tissue("gel", 1.0, {"H": 0.11, "O": 0.89}, proton_density=1.0, t1=1.4, t2=0.1)
    np.testing.assert_array_equal(tissue.t1, [1.4, 1.4, 1.4])
    np.testing.assert_array_equal(tissue.t2_star, tissue.t2)


def test_composition_is_normalised_and_readable():
    tissue = Tissue("rounded", 1.0, {"H": 0.112, "O": 0.893})
    assert sum(tissue.composition.values()) == pytest.approx(1, abs=1e-12)
    assert list(tissue.composition) == ["H", "O"]


def test_tissues_are_keys_and_pytrees():
    liver = TISSUES["liver"]
    assert {liver: 1}[TISSUES["liver"]] == 1
    doubled = jax.tree.map(lambda leaf: 2 * leaf, liver)
    assert doubled.density == 2 * liver.density
    assert jax.jit(lambda tissue: tissue.value("t2", 1.5))(liver) == pytest.approx(0.046, rel=1e-5)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_values_keep_their_precision(precision, x64):
    tissue = jax.tree.map(lambda leaf: jnp.asarray(leaf, precision), TISSUES["muscle"])
    for name in RANGES:
        assert tissue.value(name, 2.0).dtype == precision, name


def test_iodine_adds_its_own_attenuation(x64):
    # mu = mu_blood + c mu_iodine, with 3.510 cm²/g for iodine at 80 keV: NISTIR 5632 (1995), table 3.
    blood = TISSUES["blood"]
    added = 10 * float(blood.with_iodine(10.0).attenuation(80.0) - blood.attenuation(80.0))
    assert added == pytest.approx(0.01 * 3.510, rel=0.01)
    assert_gradient(lambda c: blood.with_iodine(c).attenuation(60.0), jnp.array(5.0), directions=1)


def test_iodine_enhances_as_clinical_scanners_see_it():
    # About 25 HU per mg/ml at 120 kV: W. A. Kalender, Computed Tomography (2011).
    water = float(TISSUES["water"].attenuation(70.0))
    rise = float(TISSUES["blood"].with_iodine(1.0).attenuation(70.0) - TISSUES["blood"].attenuation(70.0))
    assert 20 < 1000 * rise / water < 30


def test_gadolinium_shortens_by_its_relaxivity():
    blood = TISSUES["blood"]
    marked = blood.with_gadolinium(2.0)
    np.testing.assert_allclose(1 / marked.t1 - 1 / blood.t1, 2 * np.array([4.78, 4.97, 3.83]), rtol=1e-9)
    np.testing.assert_allclose(1 / marked.t2 - 1 / blood.t2, 2 * np.array([6.1, 7.1, 7.1]), rtol=1e-9)
    assert np.all(marked.t2_star < blood.t2_star)
    # Curie's law, spin 7/2, 310 K: mu0 N_A g² mu_B² S (S + 1) / (3 k T), in m³/mol.
    molar = 4e-7 * np.pi * 6.02214e23 * 4 * 9.27401e-24**2 * 15.75 / (3 * 1.380649e-23 * 310)
    assert marked.susceptibility - blood.susceptibility == pytest.approx(2 * molar * 1e6, rel=2e-3)


def test_no_agent_changes_nothing():
    for plain in (TISSUES["liver"].with_iodine(0.0), TISSUES["liver"].with_gadolinium(0.0)):
        for name in RANGES:
            np.testing.assert_allclose(getattr(plain, name), getattr(TISSUES["liver"], name), rtol=1e-12)


@pytest.mark.parametrize(
    ("row", "made"),
    [
        ("iodinated_blood_10", lambda: TISSUES["blood"].with_iodine(10.0)),
        ("gadolinium_blood_1", lambda: TISSUES["blood"].with_gadolinium(1.0)),
    ],
)
def test_rows_with_contrast_agent_follow_the_functions(row, made):
    made = made()
    np.testing.assert_allclose(TISSUES[row].mass_fractions, made.mass_fractions, atol=2e-6)
    for name in RANGES:
        np.testing.assert_allclose(getattr(TISSUES[row], name), getattr(made, name), rtol=2e-3)


@pytest.mark.parametrize("agent", ["with_iodine", "with_gadolinium"])
@pytest.mark.parametrize("amount", [-1.0, np.nan, 1e4])
def test_impossible_concentrations_are_refused(agent, amount):
    with pytest.raises(InputError, match="concentration"):
        getattr(TISSUES["blood"], agent)(amount)


@pytest.mark.parametrize("wrong", ["livr", "Liver", "whitematter"])
def test_unknown_tissues_get_the_nearest_name(wrong):
    with pytest.raises(InputError, match="did you mean"):
        TISSUES[wrong]


def test_the_table_is_a_mapping():
    assert "liver" in TISSUES
    assert "livr" not in TISSUES
    assert TISSUES.get("livr") is None
    assert TISSUES["liver"] is TISSUES["liver"]
    assert "grey_matter" in repr(TISSUES)
    with pytest.raises(TypeError):
        TISSUES["mine"] = TISSUES["liver"]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize("wrong", ["T1", "t2star", "youngs", "citation"])
def test_unknown_properties_get_the_nearest_name(wrong):
    with pytest.raises(InputError, match="unknown tissue property"):
        TISSUES["liver"].value(wrong)


@pytest.mark.parametrize("field", [0.0, -1.5, np.nan, 25.0, 3000.0])
def test_impossible_fields_are_refused(field):
    with pytest.raises(InputError, match=r"field is .* between 0.01 and 20 T"):
        TISSUES["liver"].value("t1", field)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"density": -1.0}, "density of liver"),
        ({"density": np.nan}, "density of liver"),
        ({"density": 1060.0}, "g/cm³"),
        ({"density": "heavy"}, "must be one number"),
        ({"density": [1.0, 2.0]}, "must be one number"),
        ({"t1": [0.5, 0.8]}, "three at 1.5, 3 and 7 T"),
        ({"t1": 800.0}, "t1 of liver"),
        ({"t2": 2.0}, "T2\\* cannot exceed T2, nor T2 T1"),
        ({"t2_star": 0.05}, "T2\\* cannot exceed T2"),
        ({"poisson_ratio": 0.6}, "poisson_ratio"),
        ({"proton_density": 80.0}, "water is 1"),
        ({"composition": {}}, "composition is empty"),
        ({"composition": {"H": 0.5}}, "sums to 0.5"),
        ({"composition": {"H": 1.2, "O": -0.2}}, "0 or more"),
        ({"composition": {"H": np.nan, "O": 0.5}}, "sums to nan"),
        ({"composition": {"Hy": 1.0}}, "unknown element 'Hy'"),
        ({"composition": [0.5, 0.5]}, "give a mapping"),
        ({"name": ""}, "its name must be a text"),
        ({"densty": 1.0}, "did you mean 'density'"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        TISSUES["liver"].replace(**changes)


def test_a_constructor_checks_without_the_suites_own_checks():
    with pytest.raises(InputError, match="its name must be a text"):
        unchecked(Tissue.__init__)(object.__new__(Tissue), 3, 1.0, {"H": 1.0})


def test_the_import_reads_no_table():
    code = "import physim_phantoms.tissue as t; assert '_tissues' not in vars(t.TISSUES); len(t.TISSUES)"
    subprocess.run([sys.executable, "-c", code], check=True)
