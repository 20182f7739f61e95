"""Sequences made with pypulseq, and what pypulseq says of them: the second opinion on ours."""

import contextlib
import warnings

import numpy as np
import pypulseq as pp

from physim import mri
from physim.mri.sequence.waveforms import gradients_of

SYSTEM = pp.Opts(max_grad=40, grad_unit="mT/m", max_slew=150, slew_unit="T/m/s", rf_dead_time=100e-6)
GAMMA = 42.577478518e6


@contextlib.contextmanager
def quiet():
    """Lets pypulseq warn, print nothing of it, and go on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _sinc(**more):
    options = {
        "duration": 1e-3,
        "slice_thickness": 5e-3,
        "apodization": 0.5,
        "time_bw_product": 4,
        "return_gz": True,
    }
    return pp.make_sinc_pulse(0.4, system=SYSTEM, use="excitation", **{**options, **more})


@quiet()
def gradient_echo():
    """RF spoiling, an off-centre slice, labels and a soft delay."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, gzr = _sinc(freq_offset=734.5)
    gx = pp.make_trapezoid("x", flat_area=32 / 0.22, flat_time=3.2e-3, system=SYSTEM)
    adc = pp.make_adc(32, duration=3.2e-3, delay=gx.rise_time, freq_offset=-211.0, system=SYSTEM)
    before = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=SYSTEM)
    seq.add_block(
        pp.make_label(type="SET", label="LIN", value=0), pp.make_label(type="SET", label="SLC", value=2)
    )
    for line in range(6):
        rf.phase_offset = adc.phase_offset = np.radians(117) * line * (line + 1) / 2
        gy = pp.make_trapezoid("y", area=(line - 3) / 0.22, duration=1e-3, system=SYSTEM)
        seq.add_block(rf, gz)
        seq.add_block(before, gy, gzr)
        seq.add_block(gx, adc, pp.make_label(type="INC", label="LIN", value=1))
        seq.add_block(pp.make_delay(2e-3), pp.make_soft_delay("TR", offset=-3e-3, factor=2.0))
    seq.set_definition("FOV", [0.22, 0.22, 0.005])
    seq.set_definition("Name", "gradient echo")
    return seq


@quiet()
def echo_planar():
    """Fat saturation in ppm, blips split between blocks, trapezoids without flat top."""
    seq = pp.Sequence(SYSTEM)
    fat = pp.make_gauss_pulse(
        1.9, duration=8e-3, freq_ppm=-3.45, phase_ppm=0.1, system=SYSTEM, use="saturation"
    )
    seq.add_block(
        fat, pp.make_trapezoid("z", area=1e3, duration=2e-3, delay=pp.calc_duration(fat), system=SYSTEM)
    )
    rf, gz, gzr = _sinc(phase_offset=0.7)
    seq.add_block(rf, gz)
    gx = pp.make_trapezoid("x", flat_area=32 / 0.2, flat_time=0.64e-3, system=SYSTEM)
    adc = pp.make_adc(32, dwell=20e-6, delay=gx.rise_time, system=SYSTEM)
    blip = pp.make_trapezoid("y", area=1 / 0.2, system=SYSTEM)
    before = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=SYSTEM)
    seq.add_block(before, pp.make_trapezoid("y", area=-4 / 0.2, duration=1e-3, system=SYSTEM), gzr)
    for line in range(8):
        seq.add_block(pp.scale_grad(gx, (-1) ** line), adc)
        seq.add_block(blip)
    return seq


@quiet()
def turbo_spin_echo():
    """Extended trapezoids that go on from block to block, refocusing pulses under a constant gradient, a trigger."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, _ = _sinc()
    refocus, gz2, _ = pp.make_sinc_pulse(
        np.pi, system=SYSTEM, duration=2e-3, slice_thickness=5e-3, apodization=0.5, time_bw_product=4,
        phase_offset=np.pi / 2, return_gz=True, use="refocusing",
    )  # fmt: skip
    high, low, ramp = gz.amplitude, gz2.amplitude, 3e-4
    spoil = 1.4 * low
    seq.add_block(pp.make_trigger("physio1", delay=100e-6, duration=2e-3), pp.make_delay(3e-3))
    rf.delay = ramp
    slice_ = pp.make_extended_trapezoid(
        "z", np.array([0, high, high]), times=np.array([0, ramp, ramp + 1e-3]), system=SYSTEM
    )
    seq.add_block(rf, slice_)
    seq.add_block(
        pp.make_extended_trapezoid(
            "z", np.array([high, -spoil, spoil]), times=np.array([0, 8e-4, 1.6e-3]), system=SYSTEM
        )
    )
    refocus.delay = ramp
    crusher = [spoil, low, low, spoil]
    gx = pp.make_trapezoid("x", flat_area=16 / 0.22, flat_time=1.6e-3, system=SYSTEM)
    adc = pp.make_adc(16, duration=1.6e-3, delay=gx.rise_time, system=SYSTEM)
    length = round(pp.calc_duration(gx), 9)
    for echo in range(4):
        times = np.array([0, ramp, ramp + 2e-3, 2 * ramp + 2e-3])
        seq.add_block(refocus, pp.make_extended_trapezoid("z", np.array(crusher), times=times, system=SYSTEM))
        outer = np.array([0, 4e-4, length - 4e-4, length])
        level = np.array([spoil, 0.0, 0.0, spoil if echo < 3 else 0.0])
        seq.add_block(gx, adc, pp.make_extended_trapezoid("z", level, times=outer, system=SYSTEM))
    seq.add_block(pp.make_digital_output_pulse("ext1", delay=50e-6, duration=1e-4), pp.make_delay(1e-3))
    return seq


@quiet()
def radial():
    """Spokes by rotated trapezoids; hard pulses with a dead time."""
    seq = pp.Sequence(SYSTEM)
    rf = pp.make_block_pulse(0.2, duration=200e-6, system=SYSTEM, use="excitation")
    gx = pp.make_trapezoid("x", flat_area=24 / 0.22, flat_time=1.2e-3, system=SYSTEM)
    adc = pp.make_adc(24, duration=1.2e-3, delay=gx.rise_time, system=SYSTEM)
    before = pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=SYSTEM)
    for spoke in range(5):
        angle = np.pi / 5 * spoke
        seq.add_block(rf)
        seq.add_block(*pp.rotate(before, angle=angle, axis="z"))
        seq.add_block(*pp.rotate(gx, adc, angle=angle, axis="z"))
    return seq


@quiet()
def spiral():
    """Gradients of any shape, sampled at the centres of the raster, and a read-out with a phase for each sample."""
    seq = pp.Sequence(SYSTEM)
    rf = pp.make_block_pulse(0.3, duration=100e-6, system=SYSTEM, use="excitation")
    time = (np.arange(400) + 0.5) / 400
    size = 6e5 * np.sin(np.pi * time) ** 2
    for turn in (0.0, 1.1):
        angle = 2 * np.pi * 6 * time + turn
        arms = [
            pp.make_arbitrary_grad(axis, size * wave, first=0, last=0, delay=2e-4, system=SYSTEM)
            for axis, wave in (("x", np.cos(angle)), ("y", np.sin(angle)))
        ]
        adc = pp.make_adc(
            800, dwell=5e-6, delay=2e-4, phase_modulation=0.3 * np.arange(800) ** 0.5, system=SYSTEM
        )
        seq.add_block(rf)
        seq.add_block(*arms, adc)
        seq.add_block(pp.make_delay(1e-3))
    return seq


@quiet()
def shaped_across_blocks():
    """A shaped gradient that ends away from zero where an extended trapezoid takes over."""
    seq = pp.Sequence(SYSTEM)
    rise = 5e5 * np.sin(np.pi / 2 * (np.arange(100) + 0.5) / 100)
    seq.add_block(pp.make_block_pulse(0.3, duration=100e-6, system=SYSTEM, use="excitation"))
    shaped = pp.make_arbitrary_grad("y", rise, first=0, last=5e5, delay=1e-4, system=SYSTEM)
    seq.add_block(shaped)
    fall = pp.make_extended_trapezoid(
        "y", np.array([5e5, 5e5, 0]), times=np.array([0, 4e-4, 8e-4]), system=SYSTEM
    )
    seq.add_block(fall, pp.make_adc(40, dwell=20e-6, system=SYSTEM))
    return seq


@quiet()
def adiabatic():
    """Frequency-swept inversion, then an excitation given by its samples at times of their own."""
    seq = pp.Sequence(SYSTEM)
    seq.add_block(pp.make_adiabatic_pulse("hypsec", duration=8e-3, dwell=1e-5, system=SYSTEM))
    seq.add_block(pp.make_delay(5e-3))
    signal = np.hanning(101) * np.exp(1j * np.linspace(0, 3, 101))
    rf = pp.make_arbitrary_rf(
        signal, 0.5, dwell=1e-5, system=SYSTEM, freq_offset=120.0, phase_offset=-1.1, use="excitation"
    )
    seq.add_block(rf)
    seq.add_block(pp.make_adc(64, dwell=1e-5, system=SYSTEM))
    return seq


BUILDERS = [gradient_echo, echo_planar, turbo_spin_echo, radial, spiral, shaped_across_blocks, adiabatic]


def written(seq, folder, name="sequence.seq", older=False):
    """The file that pypulseq writes, and its own reading of it."""
    path = folder / name
    with quiet():
        seq.write(path, v141_compat=older)
        again = pp.Sequence(SYSTEM)
        again.read(path)
    return path, again


def sample_times(sequence: mri.Sequence) -> np.ndarray:
    """When each sample is read, ps."""
    pairs = zip(sequence.starts(), sequence, strict=False)
    return np.concatenate(
        [start + one.adc.delay + one.adc.times() for start, one in pairs if one.adc is not None]
    )


def trajectory(sequence: mri.Sequence) -> np.ndarray:
    """k at every sample, cycles/m: zero at each excitation, mirrored at each refocusing pulse; pypulseq's convention."""
    moment = gradients_of(sequence).moment
    times = sample_times(sequence)
    offset, after, k = np.zeros(3), 0, np.zeros((len(times), 3))
    for start, one in zip(sequence.starts(), sequence, strict=False):
        if one.rf is None or one.rf.use not in (mri.Use.EXCITATION, mri.Use.REFOCUSING):
            continue
        centre = start + one.rf.delay + one.rf.centre
        k[after:] = moment(times[after:]) + offset
        here = moment(np.array([centre]))[0]
        offset = -here if one.rf.use is mri.Use.EXCITATION else -2 * here - offset
        after = int(np.searchsorted(times, centre))
    k[after:] = moment(times[after:]) + offset
    return 1e3 * k


def waveforms(seq) -> list[np.ndarray]:
    """pypulseq's corners of the gradients along x, y and z: s and Hz/m."""
    with quiet():
        return seq.waveforms_and_times()[0]
