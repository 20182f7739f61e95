"""Saturation transfer against BMCTool, an independent solver of the Bloch-McConnell equations; what the builder plays."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pypulseq
import pytest
from scipy.linalg import expm

from physim import mri
from physim_phantoms import InputError
from tests.mri.bmctool_oracle import SYSTEM, rectangle, water_left
from tests.mri.mcconnell import PPM, liquids

S = mri.sequences
FIELD = 3.0
ONE = np.zeros((1, 3))
OFFSETS = np.array([-4.0, -3.5, -1.5, 0.0, 0.3, 2.0, 3.5, 5.0])  # ppm
WATER = {"t1": 1.3, "t2": 0.08}
AMIDE = {"k": 30.0, "f": 0.001, "dw": 3.5, "t1": 1.0, "t2": 0.1}


@pytest.fixture(params=["float32", "float64"])
def precision(request):
    """Both precisions."""
    with jax.enable_x64(True) if request.param == "float64" else contextlib.nullcontext():
        yield request.param


def of_water(ratio: float, exchange: float, second) -> mri.Pools:
    """Pools whose water is 1, as BMCTool has it."""
    whole = 1 + ratio
    return mri.Pools(ONE, whole, **WATER, second=second, fraction=ratio / whole, exchange=exchange)


def left(pools: mri.Pools, saturation, offsets) -> np.ndarray:
    """Water left after saturation at each offset, from equilibrium: Mz after the last pulse before each read-out."""
    sequence = S.saturation_transfer(offsets, saturation, recovery=60.0, spoiling=0.0)
    m = np.asarray(mri.magnetisation(pools, mri.compile_sequence(sequence, FIELD)))[2, :, 0]
    per_offset = (len(m) - 1) // len(offsets)
    return m[1:].reshape(len(offsets), per_offset)[:, -2]


@pytest.mark.parametrize(("microtesla", "rate"), [(2.0, 30.0), (3.7, 1000.0)])
def test_continuous_saturation_of_an_amide_pool(precision, microtesla, rate):
    amplitude = microtesla * PPM
    truth = water_left(rectangle(amplitude, 2.0), OFFSETS, WATER, cest_pool={"amide": {**AMIDE, "k": rate}})
    pools = of_water(0.001, rate, mri.Liquid(1.0, 0.1, 3.5))
    got = left(pools, S.ContinuousWave(amplitude, 2.0), OFFSETS)
    assert np.abs(got - truth).max() < {"float32": 1e-6, "float64": 1e-9}[precision]


TRAIN = S.GaussianTrain(amplitude=3 * PPM, duration=20e-3, pause=10e-3, count=3)


@pytest.fixture(scope="module")
def after_train():
    """Water after a train of pulses, by BMCTool, which holds each sample for its raster time: 50 µs are fine enough."""
    tau = (np.arange(400) + 0.5) / 400 - 0.5
    edge = np.exp(-0.5 * (0.5 / TRAIN.width) ** 2)
    shape = (np.exp(-0.5 * (tau / TRAIN.width) ** 2) - edge) / (1 - edge)

    def events(offset):
        flip = 2 * np.pi * TRAIN.amplitude * shape.sum() * 50e-6
        pulse = pypulseq.make_arbitrary_rf(shape, flip, dwell=50e-6, freq_offset=offset, system=SYSTEM)
        pause = pypulseq.make_delay(10e-3)
        return [pulse, pause, pulse, pause, pulse]

    return water_left(events, OFFSETS[[0, 4, 6]], WATER, cest_pool={"amide": {**AMIDE, "k": 300.0}})


def test_pulsed_saturation_of_an_amide_pool(precision, after_train):
    got = left(of_water(0.001, 300.0, mri.Liquid(1.0, 0.1, 3.5)), TRAIN, OFFSETS[[0, 4, 6]])
    assert np.abs(got - after_train).max() < {"float32": 1e-5, "float64": 2e-6}[precision]


class AsBmctool(mri.Lineshape):
    """BMCTool's super-Lorentzian: the same integral as a sum over 101 points, which is 1 % off."""

    def __call__(self, offset, t2):
        v = jnp.abs(3 * jnp.linspace(0.0, 1.0, 101) ** 2 - 1)
        x = 2 * jnp.pi * (offset * t2)[..., None] / v
        return 0.01 * (np.sqrt(2 / np.pi) * t2[..., None] / v * jnp.exp(-2 * x**2)).sum(-1)


@pytest.mark.parametrize("line", ["SuperLorentzian", pytest.param("Lorentzian", marks=pytest.mark.slow)])
def test_continuous_saturation_of_a_semisolid_pool(precision, line):
    """Beyond 1 ppm from the middle of the line, where BMCTool does not interpolate."""
    shape = AsBmctool() if line == "SuperLorentzian" else mri.Lorentzian()
    semisolid = {"k": 30.0, "f": 0.135, "dw": -2.0, "t1": 1.0, "t2": 4e-5, "lineshape": line}
    offsets = np.array([-20.0, -6.0, -3.5, -0.5, 0.0, 3.5, 40.0])
    truth = water_left(rectangle(2 * PPM, 2.0), offsets, WATER, mt_pool=semisolid)
    got = left(
        of_water(0.135, 30.0, mri.Semisolid(1.0, 4e-5, -2.0, shape)), S.ContinuousWave(2 * PPM, 2.0), offsets
    )
    assert np.abs(got - truth).max() < {"float32": 2e-6, "float64": 1e-8}[precision]


def test_spectrum_from_the_signal():
    """Many spins along the crusher: what is read is the water that saturation leaves, seen through a 90° pulse."""
    place = np.zeros((32, 3))
    place[:, 2] = np.arange(32) / 32  # two cycles of the crusher in 1 mm
    offsets = np.array([-3.5, 0.0, 3.5])
    second = mri.Liquid(1.0, 0.1, 3.5)
    pools = mri.Pools(place, **WATER, second=second, fraction=0.001, exchange=50.0)
    sequence = S.saturation_transfer(offsets, S.ContinuousWave(85.0, 1.0), recovery=20.0)
    signal = mri.simulate(pools, sequence, mri.Scanner(field=FIELD))
    spectrum = mri.z_spectrum(signal)
    hertz = 2 * np.pi * PPM * FIELD
    matrices = [
        liquids(2 * np.pi * 85.0, 0, -offset * hertz, 3.5 * hertz, (1.3, 1.0), (0.08, 0.1), 0.001, 50.0)
        for offset in offsets
    ]
    alone = [(expm(a) @ [0, 0, 0.999, 0, 0, 0.001, 1])[2] / 0.999 for a in matrices]
    assert np.abs(spectrum - np.array(alone)).max() < 2e-3
    assert float(mri.asymmetry(spectrum)[2]) > 0.02  # amide protons exchange at +3.5 ppm
    both = mri.z_spectrum(jnp.concatenate([signal * 2j, signal * (0.3 - 1j)]))
    assert np.allclose(both, spectrum, atol=1e-6)


def test_all_offsets_share_one_shape_and_a_long_pulse_is_one_step():
    sequence = S.saturation_transfer(np.linspace(-5, 5, 41), recovery=1.0)
    program = mri.compile_sequence(sequence, FIELD)
    assert len(program.shapes) == 2
    saturation = program.shapes[1]
    assert saturation.step.shape == (1,)
    assert float(saturation.step[0]) * 2**saturation.doublings == pytest.approx(2.0)
    assert np.allclose(saturation.carriers.value, np.linspace(-5, 5, 41) * PPM * FIELD)
    S.Limits().check(sequence)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: S.saturation_transfer([]), "offsets is empty"),
        (lambda: S.saturation_transfer([0.0, np.nan]), "offsets has 1 NaN"),
        (lambda: S.saturation_transfer([0.0], recovery=-1.0), "recovery is -1"),
        (lambda: S.ContinuousWave(85.0, 0.0), "duration is 0"),
        (lambda: S.GaussianTrain(count=0), "count is 0"),
        (
            lambda: S.saturation_transfer([0.0], S.GaussianTrain(pause=1e-6)),
            "pause is 0.001 ms; .*multiple of 10 µs",
        ),
        (lambda: mri.z_spectrum(jnp.ones((1, 1), complex)), "signal has 1 sample"),
        (
            lambda: mri.z_spectrum(jnp.zeros((2, 4), complex)),
            "is 0 in its first sample, S₀, in all 2 coils, so that none of the 3",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
