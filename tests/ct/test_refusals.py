"""Bad input through the public functions: each refusal names the value that was given and what to write instead."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import ct
from physim_phantoms import Grid, Phantom
from tests.helper import unchecked

GRID = Grid((8, 8, 4), 10.0)
FAR = Grid((8, 8, 4), 10.0, origin=(0.0, 0.0, 500.0))
BEYOND = Grid((8, 8, 4), 10.0, origin=(0.0, 700.0, -15.0))
ONES = np.ones(GRID.shape, np.float32)
ROOM = (300.0, 600.0, (4, 24), (20.0, 20.0))
CONE = ct.circular_cone(24, *ROOM)
PARALLEL = ct.parallel_beam(24, (4, 24), (10.0, 10.0))
INSIDE = ct.circular_cone(24, 20.0, *ROOM[1:])
POINT = np.array([[0.0, -500.0, 0.0]])
FINITE = "numpy.nan_to_num(values)"


def water(grid=GRID, fractions=None):
    patient = Phantom.from_fractions(grid, {"water": ONES})
    return patient if fractions is None else eqx.tree_at(lambda p: p.fractions, patient, fractions)


def scanned(patient, geometry):
    return ct.scan(patient, geometry, ct.Protocol(), jax.random.key(0))


def readings(geometry, value=1.0, detector=None):
    signal = jnp.full(geometry.sinogram_shape, value, jnp.float32)
    return ct.Readings(signal, geometry, ct.Protocol(detector=detector))


def imaged(geometry, value):
    return ct.reconstruct(readings(geometry, value), GRID)


def solved(geometry, grid=GRID, method=ct.FilteredBackProjection()):
    return method.solve(np.ones(geometry.sinogram_shape, np.float32), grid, geometry)


def nan_at_one(shape):
    values = np.ones(shape, np.float32)
    values.flat[0] = np.nan
    return values


REFUSED = {
    # Zero views.
    "circle, no view": (lambda: ct.circular_cone(0, *ROOM), "n_views is 0;", "like 720"),
    "circle, half a view": (
        lambda: unchecked(ct.circular_cone)(2.5, *ROOM),
        "n_views is 2.5;",
        "it must be a whole number of at least 1, like 720",
    ),
    "fan, no view": (lambda: ct.fan_beam(0, 300.0, 600.0, 24, 2.0), "n_views is 0;", "like 720"),
    "parallel, no view": (lambda: ct.parallel_beam(0, (4, 24), (1.0, 1.0)), "n_views is 0;", "like 360"),
    "helix, no view": (lambda: ct.helical_cone(0, 1.0, 9.0, *ROOM), "views_per_turn is 0;", "like 984"),
    "helix, no turn": (
        lambda: ct.helical_cone(9, 0.0, 9.0, *ROOM),
        "views_per_turn * turns is 0;",
        "like 2952",
    ),
    "per view, no view": (
        lambda: unchecked(ct.per_view)(*[POINT[:0]] * 4, (4, 24)),
        "source has no view;",
        "[[0.0, -600.0, 0.0]]",
    ),
    # Distances, sizes, pixels.
    "source to axis": (
        lambda: ct.circular_cone(9, -300.0, *ROOM[1:]),
        "source_to_axis is -300 mm;",
        "write source_to_axis=595.0",
    ),
    "source to detector": (
        lambda: ct.helical_cone(9, 1.0, 9.0, 300.0, 0.0, *ROOM[2:]),
        "source_to_detector is 0 mm;",
        "write source_to_detector=1085.0",
    ),
    "axis behind the detector": (
        lambda: ct.circular_cone(9, 300.0, 200.0, *ROOM[2:]),
        "source_to_detector is 200 mm and source_to_axis 300 mm;",
        "write source_to_detector=600",
    ),
    "radiograph's distance": (
        lambda: ct.radiograph(0.0, *ROOM[1:]),
        "source_to_axis is 0 mm;",
        "write source_to_axis=595.0",
    ),
    "fan's slice": (
        lambda: ct.fan_beam(9, 300.0, 600.0, 24, 2.0, slice_thickness=-1.0),
        "slice_thickness is -1 mm;",
        "write slice_thickness=1.0",
    ),
    "distance of parallel rays": (
        lambda: ct.parallel_beam(9, (4, 24), (1.0, 1.0), source_to_detector=-1.0),
        "source_to_detector is -1;",
        "write source_to_detector=1000.0",
    ),
    "pixel of a cone": (
        lambda: ct.circular_cone(9, 300.0, 600.0, (4, 24), (20.0, -1.0)),
        "pixel_size is -1 mm;",
        "write pixel_size=(1.09, 1.03)",
    ),
    "pixel of parallel rays": (
        lambda: ct.parallel_beam(9, (4, 24), (10.0, 0.0)),
        "pixel_size is values from 0 to 10;",
        "write pixel_size=(1.5, 1.0)",
    ),
    "no pixel": (
        lambda: ct.circular_cone(9, 300.0, 600.0, (4, 0), (20.0, 20.0)),
        "detector_shape is (4, 0);",
        "write (rows, columns), like (120, 256)",
    ),
    "NaN in a distance": (
        lambda: ct.circular_cone(9, np.nan, *ROOM[1:]),
        "source_to_axis has 1 NaN",
        FINITE,
    ),
    "source in the detector": (
        lambda: ct.per_view(POINT, POINT, np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]]), (4, 24)),
        "the source of view 0 lies in the plane of its detector;",
        "move it away",
    ),
    # Protocol.
    "charge": (lambda: ct.Protocol(mas=-5.0), "mas is -5; it must lie between 0.001", "write mas=200.0"),
    "no charge": (lambda: ct.Protocol(mas=0.0), "mas is 0;", "write mas=200.0"),
    "voltage": (
        lambda: ct.Protocol(kvp=200.0),
        "kvp is 200; it must lie between 40 and 150 kV",
        "write kvp=120.0",
    ),
    "one of two voltages": (
        lambda: ct.Protocol(kvp=[80.0, 20.0]),
        "kvp is values from 20 to 80;",
        "write kvp=120.0",
    ),
    "filtration": (lambda: ct.Protocol(filtration=-1.0), "filtration is -1;", "write filtration=6.8"),
    "rotation time": (
        lambda: ct.Protocol(rotation_time=0.0),
        "rotation_time is 0;",
        "write rotation_time=0.5",
    ),
    # Geometry and grid that cannot meet, object outside the field of view.
    "project": (
        lambda: ct.project(ONES, FAR, CONE),
        "no ray meets the grid: around (35, 35, 515) mm",
        "give the geometry centre=(35, 35, 515)",
    ),
    "backproject": (
        lambda: ct.backproject(np.ones(CONE.sinogram_shape, np.float32), FAR, CONE),
        "no ray meets the grid: around (35, 35, 515) mm",
        "or the grid another origin",
    ),
    "backproject parallel rays": (
        lambda: ct.backproject(np.ones(PARALLEL.sinogram_shape, np.float32), FAR, PARALLEL),
        "no ray meets the grid",
        "give the geometry centre=",
    ),
    "iterate": (lambda: solved(CONE, FAR, ct.CGLS(1)), "no ray meets the grid", "centre=(35, 35, 515)"),
    "filter and back-project": (
        lambda: solved(CONE, FAR),
        "from z = 500 to 530 mm, and the detector rows see only -20 to 20 mm;",
        "add detector rows",
    ),
    "beside the rays": (
        lambda: solved(CONE, Grid((8, 8, 4), 10.0, origin=(900.0, 0.0, -15.0))),
        "the grid lies 895 mm off the axis, and rays reach 107.4 mm around it;",
        "move the grid or the geometry's centre",
    ),
    "scan": (
        lambda: scanned(water(FAR), CONE),
        "no ray meets the patient: around (35, 35, 515) mm",
        "give the geometry centre=(35, 35, 515)",
    ),
    "scan, beyond the detector": (
        lambda: scanned(water(BEYOND), ct.radiograph(*ROOM)),
        "around (35, 735, 0) mm it lies behind the source or the detector in every view;",
        "give the geometry centre=(35, 735, 0)",
    ),
    # Source inside the object.
    "scan from inside": (
        lambda: scanned(water(), INSIDE),
        "the source of view 0, at (0, -20, 0) mm, lies inside the patient;",
        "give the geometry a larger distance, or move the patient: Grid(shape, spacing, origin=...)",
    ),
    "project from inside": (
        lambda: ct.project(ONES, GRID, INSIDE),
        "the source of view 0, at (0, -20, 0) mm, lies inside the volume;",
        "give the geometry a larger distance",
    ),
    "reconstruct from inside": (
        lambda: solved(INSIDE),
        "the source of view 0, at (0, -20, 0) mm, lies inside the grid;",
        "give the geometry a larger distance",
    ),
    # Beyond the detector, detector inside the object.
    "project, beyond the detector": (
        lambda: ct.project(ONES, BEYOND, ct.radiograph(*ROOM)),
        "no ray meets the grid: around (35, 735, 0) mm it lies behind the source or the detector in every view;",
        "give the geometry centre=(35, 735, 0)",
    ),
    "backproject, beyond the detector": (
        lambda: ct.backproject(np.ones((1, 4, 24), np.float32), BEYOND, ct.radiograph(*ROOM)),
        "no ray meets the grid: around (35, 735, 0) mm it lies behind the source or the detector in every view;",
        "or the grid another origin",
    ),
    "project sharded, beyond the detector": (
        lambda: ct.project_sharded(ONES, BEYOND, ct.radiograph(*ROOM), jax.make_mesh((1,), ("view",))),
        "no ray meets the grid: around (35, 735, 0) mm it lies behind the source or the detector in every view;",
        "give the geometry centre=(35, 735, 0)",
    ),
    "project onto a detector inside": (
        lambda: ct.project(ONES, GRID, ct.radiograph(300.0, 320.0, *ROOM[2:])),
        "the detector of view 0, at (0, 20, 0) mm, lies inside the volume;",
        "give the geometry a larger distance, or move the volume: Grid(shape, spacing, origin=...)",
    ),
    "scan onto a detector inside": (
        lambda: scanned(water(), ct.radiograph(300.0, 320.0, *ROOM[2:])),
        "the detector of view 0, at (0, 20, 0) mm, lies inside the patient;",
        "give the geometry a larger distance, or move the patient: Grid(shape, spacing, origin=...)",
    ),
    # Things of the wrong kind.
    "one number for a pixel": (
        lambda: unchecked(ct.circular_cone)(9, 300.0, 600.0, (4, 24), 8.0),
        "pixel_size is 8.0; it must be 2 numbers",
        "write pixel_size=(8.0, 8.0)",
    ),
    "scan an array": (
        lambda: unchecked(ct.scan)(ONES, CONE, ct.Protocol(), jax.random.key(0)),
        "patient is a ndarray; it must be a Phantom",
        "write anatomy.from_ct(grid, hu)",
    ),
    "protocol as a dictionary": (
        lambda: unchecked(ct.scan)(water(), CONE, {"kvp": 120.0}, jax.random.key(0)),
        "protocol is a dict; it must be a Protocol",
        "write ct.Protocol(kvp=120.0, mas=200.0)",
    ),
    "key as a number": (
        lambda: unchecked(ct.scan)(water(), CONE, ct.Protocol(), 3),
        "key is 3; it must be a random key",
        "write jax.random.key(3)",
    ),
    "window's name": (
        lambda: unchecked(ct.reconstruct)(readings(CONE), GRID, window="sharp"),
        "window is 'sharp'; it must be an object",
        "write window=ct.Sharp()",
    ),
    "window's class": (
        lambda: unchecked(ct.reconstruct)(readings(CONE), GRID, window=ct.Hann),
        "window is the class Hann; it must be an object",
        "write window=ct.Hann()",
    ),
    "method's name": (
        lambda: unchecked(ct.reconstruct)(readings(CONE), GRID, "FBP"),
        "method is 'FBP'; it must be an object like ct.FilteredBackProjection() or ct.CGLS(10)",
        "write it with brackets",
    ),
    "method's class": (
        lambda: unchecked(ct.reconstruct)(readings(CONE), GRID, ct.FilteredBackProjection),
        "method is the class FilteredBackProjection; it must be an object",
        "write it with brackets",
    ),
    # Units, and numbers that are none.
    "arc in degrees": (
        lambda: ct.circular_cone(9, *ROOM, arc=360.0),
        "arc is 360 rad; it must lie within two turns",
        "write arc=math.radians(360)",
    ),
    "arc of parallel rays in degrees": (
        lambda: ct.parallel_beam(9, (4, 24), (1.0, 1.0), arc=180.0),
        "arc is 180 rad;",
        "write arc=math.radians(180)",
    ),
    "no arc": (
        lambda: ct.fan_beam(9, 300.0, 600.0, 24, 2.0, arc=0.0),
        "arc is 0, so all 9 views are the same one;",
        "write arc=2 * math.pi",
    ),
    "a fan round and round": (
        lambda: ct.fan_beam(9, 300.0, 600.0, 800, 20.0, curved=True),
        "the 800 columns bend by 26.7 rad; it must be less than π",
        "take fewer columns",
    ),
    "voltage as text": (
        lambda: unchecked(ct.Protocol)(kvp="120"),
        "kvp is '120'; it must be a number",
        "without quotes",
    ),
    "distance as text": (
        lambda: unchecked(ct.circular_cone)(9, "300", *ROOM[1:]),
        "source_to_axis is '300'; it must be a number",
        "without quotes",
    ),
    "complex volume": (
        lambda: unchecked(ct.project)(ONES + 1j, GRID, CONE),
        "volume is complex; it must be real",
        "project volume.real and volume.imag one by one",
    ),
    "complex sinogram": (
        lambda: unchecked(ct.backproject)(np.ones(CONE.sinogram_shape, complex), GRID, CONE),
        "sino is complex; it must be real",
        "backproject sino.real and sino.imag one by one",
    ),
    # NaN, negative numbers, shapes.
    "NaN in a volume": (
        lambda: ct.project(nan_at_one(GRID.shape), GRID, CONE),
        "volume has 1 NaN or infinite values of 256, the first at [0, 0, 0];",
        FINITE,
    ),
    "NaN in a sinogram": (
        lambda: ct.backproject(nan_at_one(CONE.sinogram_shape), GRID, CONE),
        "sino has 1 NaN or infinite values of 2304, the first at [0, 0, 0];",
        FINITE,
    ),
    "NaN in a patient": (
        lambda: scanned(water(fractions=jnp.asarray(nan_at_one((1, *GRID.shape)))), CONE),
        "the fractions of the patient has 1 NaN",
        FINITE,
    ),
    "NaN in readings": (lambda: imaged(CONE, np.nan), "signal has 2304 NaN", FINITE),
    "negative readings": (lambda: imaged(CONE, -1.0), "signal is values from -1 to -1;", "between 0 and"),
    "volume of another grid": (
        lambda: unchecked(ct.project)(ONES[1:], GRID, CONE),
        "volume has shape (7, 8, 4);",
        "it must have shape (8, 8, 4)",
    ),
    "sinogram of another geometry": (
        lambda: unchecked(ct.backproject)(np.ones((3, 4, 24), np.float32), GRID, CONE),
        "sino has shape (3, 4, 24);",
        "it must have shape (24, 4, 24)",
    ),
}


@pytest.mark.parametrize(("make", "value", "remedy"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_refused_with_its_value_and_a_remedy(make, value, remedy):
    with pytest.raises(ValueError) as refusal:
        make()
    assert value in str(refusal.value)
    assert remedy in str(refusal.value)


def test_a_detector_too_small_warns_with_the_fraction_lost():
    """Voxels lie 5, 15, 25 and 35 mm to both sides of the axis, and columns reach 20 mm: half of the mass is seen."""
    narrow = ct.parallel_beam(1, (4, 4), (10.0, 10.0))
    with pytest.raises(ct.TruncationWarning, match=r"50 % of the patient's mass lies beyond .*; add columns"):
        scanned(water(), narrow)


@pytest.mark.parametrize("detector", [ct.EnergyIntegrating(), ct.PhotonCounting((25.0,))])
def test_no_photon_at_all_gives_a_finite_logarithm(detector):
    log = np.asarray(readings(CONE, 0.0, detector).log())
    assert np.all(np.isfinite(log))
    assert np.all(log > 10)
