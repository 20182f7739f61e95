"""The families of sequences that example scripts of toolboxes write, small, by own scripts: the ways in which they differ."""

import numpy as np
import pypulseq as pp

from tests.mri.pulseq_oracle import SYSTEM, _sinc, quiet

LINES, SAMPLES, VIEW = 6, 16, 0.22


def _readout(time=1.6e-3, system=SYSTEM, **more):
    """A read-out gradient, its samples, and the lobe before it."""
    gx = pp.make_trapezoid("x", flat_area=SAMPLES / VIEW, flat_time=time, system=system)
    adc = pp.make_adc(SAMPLES, duration=time, delay=gx.rise_time, system=system, **more)
    return gx, adc, pp.make_trapezoid("x", area=-gx.area / 2, duration=1e-3, system=system)


def _step(line: float, system=SYSTEM):
    return pp.make_trapezoid("y", area=(line - LINES / 2) / VIEW, duration=1e-3, system=system)


@quiet()
def labelled_gradient_echo():
    """Two slices and two averages, counted by labels; flags that are set and taken back."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, gzr = _sinc()
    gx, adc, before = _readout()
    seq.add_block(pp.make_label("REV", "SET", 1), pp.make_label("NOISE", "SET", 0))
    for piece in range(2):
        rf.freq_offset = gz.amplitude * 5e-3 * (piece - 0.5)
        rf.phase_offset = -2 * np.pi * rf.freq_offset * rf.center
        for line in range(LINES):
            seq.add_block(rf, gz)
            seq.add_block(before, _step(line), gzr)
            seq.add_block(gx, adc)
            again = (
                [pp.make_label("LIN", "SET", 0), pp.make_label("SLC", "INC", 1)]
                if line == LINES - 1
                else [pp.make_label("LIN", "INC", 1)]
            )
            seq.add_block(pp.make_delay(2e-3), _step(LINES - line), *again)
    return seq


@quiet()
def balanced():
    """Rasters of another make: gradients on 4 µs, everything else on 2 µs; phases that alternate."""
    system = pp.Opts(
        max_grad=32, grad_unit="mT/m", max_slew=130, slew_unit="T/m/s", grad_raster_time=4e-6, rf_raster_time=2e-6,
        adc_raster_time=2e-6, block_duration_raster=2e-6,
    )  # fmt: skip
    seq = pp.Sequence(system)
    rf, gz, _ = pp.make_sinc_pulse(
        0.5, duration=1e-3, slice_thickness=5e-3, time_bw_product=4, return_gz=True, use="excitation", system=system
    )  # fmt: skip
    gx, adc, before = _readout(system=system)
    back = pp.make_trapezoid("z", area=-gz.area / 2, duration=1e-3, system=system)
    for line in range(LINES):
        rf.phase_offset = adc.phase_offset = np.pi * (line % 2)
        seq.add_block(rf, gz)
        seq.add_block(before, _step(line, system), back)
        seq.add_block(gx, adc)
        seq.add_block(before, pp.scale_grad(_step(line, system), -1.0), back)
    return seq


@quiet()
def labelled_echo_planar():
    """A trigger, three navigator lines before the blips, repetitions; flags by the sign of the gradient."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, gzr = _sinc()
    gx, adc, before = _readout(0.32e-3)
    blip = pp.make_trapezoid("y", area=1 / VIEW, system=SYSTEM)
    for _ in range(2):
        seq.add_block(pp.make_trigger("physio1", duration=2e-3), pp.make_label("SLC", "SET", 0))
        seq.add_block(rf, gz)
        seq.add_block(before, gzr, pp.make_label("NAV", "SET", 1), pp.make_label("LIN", "SET", LINES // 2))
        for line in range(3 + LINES):
            flag = bool(line % 2)
            marks = [pp.make_label("REV", "SET", flag), pp.make_label("SEG", "SET", flag)]
            if line == 3:
                seq.add_block(_step(0), pp.make_label("NAV", "SET", 0), pp.make_label("LIN", "SET", 0))
            seq.add_block(pp.scale_grad(gx, (-1) ** line), adc, *marks)
            if line >= 3:
                seq.add_block(blip, pp.make_label("LIN", "INC", 1))
        seq.add_block(pp.make_delay(1e-3), pp.make_label("REP", "INC", 1))
    return seq


@quiet()
def spin_echo_planar():
    """A hard refocusing pulse between spoilers, pauses that fill up TE."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, gzr = _sinc()
    turn = pp.make_block_pulse(
        np.pi, duration=500e-6, use="refocusing", phase_offset=np.pi / 2, system=SYSTEM
    )
    gx, adc, before = _readout(0.32e-3)
    spoil = pp.make_trapezoid("z", area=2 * gz.area, duration=2.4e-3, system=SYSTEM)
    seq.add_block(rf, gz)
    seq.add_block(pp.scale_grad(before, -1.0), _step(LINES), gzr)
    for part in (pp.make_delay(3e-3), spoil, turn, spoil, pp.make_delay(1.23e-3)):
        seq.add_block(part)
    for line in range(LINES):
        seq.add_block(pp.scale_grad(gx, (-1) ** line), adc)
        seq.add_block(pp.make_trapezoid("y", area=1 / VIEW, system=SYSTEM))
    return seq


@quiet()
def ramp_sampled_echo_planar():
    """Blips cut in two and joined over the corners of read-outs, samples on ramps, lobes within one block's delays."""
    seq = pp.Sequence(SYSTEM)
    fat = pp.make_gauss_pulse(
        1.9, duration=4e-3, bandwidth=400, freq_offset=-424.0, use="saturation", system=SYSTEM
    )
    seq.add_block(fat, pp.make_trapezoid("z", area=1e3, delay=pp.calc_duration(fat), system=SYSTEM))
    rf, gz, gzr = _sinc()
    seq.add_block(rf, gz, pp.make_digital_output_pulse("osc0", duration=1e-4))
    width = 2e-4
    blip = pp.make_trapezoid("y", area=-1 / VIEW, duration=width, system=SYSTEM)
    gx = pp.make_trapezoid("x", area=SAMPLES / VIEW, duration=5.2e-4 + width, system=SYSTEM)
    adc = pp.make_adc(40, dwell=1.3e-5, delay=round(width / 2, 9), system=SYSTEM)
    halves = pp.split_gradient_at(blip, width / 2, system=SYSTEM)
    up, down, _ = pp.align(right=halves[0], left=[halves[1], gx])
    both = pp.add_gradients((down, up), system=SYSTEM)
    before = pp.make_trapezoid("x", area=-gx.area / 2, system=SYSTEM)
    before.delay = 3e-3 - pp.calc_duration(before)
    seq.add_block(
        before, pp.make_trapezoid("y", area=3 / VIEW, delay=2e-4, system=SYSTEM), gzr, pp.make_delay(3e-3)
    )
    for line in range(LINES):
        seq.add_block(
            pp.scale_grad(gx, (-1) ** line), (up, both, down)[(line > 0) + (line == LINES - 1)], adc
        )
    return seq


@quiet()
def half_fourier_train():
    """Every gradient of the train in pieces that go on from block to block, on two axes."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, _ = _sinc(phase_offset=np.pi / 2)
    turn, gz2, _ = pp.make_sinc_pulse(
        np.pi, system=SYSTEM, duration=2e-3, slice_thickness=5e-3, time_bw_product=4, return_gz=True, use="refocusing"
    )  # fmt: skip
    level, spoil, read, ramp = gz2.amplitude, 3e5, SAMPLES / VIEW / 1.6e-3, 3e-4

    def piece(channel, *values, times):
        return pp.make_extended_trapezoid(channel, np.array(values), times=np.array(times), system=SYSTEM)

    corners = [0, ramp, 3 * ramp, 4 * ramp]
    dephase = pp.make_trapezoid("x", area=90, duration=4 * ramp, system=SYSTEM)
    rf.delay = turn.delay = 0.0
    seq.add_block(piece("z", 0, gz.amplitude, times=[0, ramp]))
    seq.add_block(rf, piece("z", gz.amplitude, gz.amplitude, times=[0, 1e-3]))
    seq.add_block(
        piece("z", gz.amplitude, -1e5, -1e5, level, times=corners),
        dephase,
    )
    for line in range(LINES):
        seq.add_block(turn, piece("z", level, level, times=[0, 2e-3]))
        seq.add_block(
            piece("z", level, spoil, spoil, 0, times=corners), piece("x", 0, 1e5, 1e5, read, times=corners), _step(line)
        )  # fmt: skip
        seq.add_block(
            piece("x", read, read, times=[0, 1.6e-3]), pp.make_adc(SAMPLES, dwell=1e-4, system=SYSTEM)
        )
        seq.add_block(
            piece("z", 0, spoil, spoil, level, times=corners), piece("x", read, 1e5, 1e5, 0, times=corners), _step(LINES - line)
        )  # fmt: skip
    seq.add_block(piece("z", level, 0, times=[0, ramp]))
    return seq


@quiet()
def ultrashort():
    """Half pulses of both signs of the slice gradient, half echoes from the centre along spokes of two axes."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, gzr = _sinc(time_bw_product=2, center_pos=1)
    gx = pp.make_trapezoid("x", flat_area=SAMPLES / VIEW, flat_time=1.28e-3, system=SYSTEM)
    adc = pp.make_adc(2 * SAMPLES, duration=1.28e-3, delay=gx.rise_time, system=SYSTEM)
    for spoke in range(4):
        for sign in (1.0, -1.0):
            rf.phase_offset = adc.phase_offset = np.radians(117) * spoke
            seq.add_block(rf, pp.scale_grad(gz, sign))
            seq.add_block(pp.scale_grad(gzr, sign))
            arms = pp.rotate(gx, angle=2 * np.pi * spoke / 4 + 0.1, axis="z")
            seq.add_block(*arms, adc)
            seq.add_block(pp.make_delay(1.5e-3))
    return seq


@quiet()
def magnetisation_prepared():
    """Adiabatic inversion, spoilers at the end of read-outs cut from them, pulses delayed behind rewinders, 3-D steps."""
    seq = pp.Sequence(SYSTEM)
    rf = pp.make_block_pulse(0.12, duration=100e-6, use="excitation", system=SYSTEM)
    turn = pp.make_adiabatic_pulse("hypsec", duration=10.24e-3, dwell=1e-5, use="inversion", system=SYSTEM)
    gz = pp.make_trapezoid("z", flat_area=SAMPLES / VIEW, flat_time=1.6e-3, system=SYSTEM)
    steps = [pp.make_trapezoid(axis, area=2 / VIEW, duration=6e-4, system=SYSTEM) for axis in "xy"]
    ready, _ = pp.split_gradient_at(gz, gz.rise_time + gz.flat_time, system=SYSTEM)
    spoil = pp.make_extended_trapezoid_area(
        channel="z", area=120.0, grad_start=gz.amplitude, grad_end=0, system=SYSTEM
    )[0]
    before = pp.make_trapezoid("z", area=-gz.area / 2, duration=6e-4, system=SYSTEM)
    ready.delay = pp.calc_duration(before)
    adc = pp.make_adc(SAMPLES, dwell=1e-4, delay=ready.delay + gz.rise_time, system=SYSTEM)
    ready = pp.add_gradients([ready, before], system=SYSTEM)
    rf.delay = pp.calc_duration(spoil, *steps)
    for outer in range(2):
        seq.add_block(turn)
        seq.add_block(pp.make_delay(5e-3), pp.make_trapezoid("y", area=1e3, duration=4e-3, system=SYSTEM))
        for inner in range(3):
            rf.phase_offset = adc.phase_offset = np.radians(117) * inner
            if inner:
                moved = [
                    pp.scale_grad(step, -part)
                    for step, part in zip(steps, (inner - 1.5, outer - 0.5), strict=True)
                ]
                seq.add_block(rf, spoil, *moved, pp.make_label("PAR", "INC", 1))
            else:
                seq.add_block(rf)
            moved = [
                pp.scale_grad(step, part)
                for step, part in zip(steps, (inner - 0.5, outer - 0.5), strict=True)
            ]
            seq.add_block(adc, ready, *moved)
        seq.add_block(
            spoil, pp.make_delay(3e-3), pp.make_label("PAR", "SET", 0), pp.make_label("LIN", "INC", 1)
        )
    return seq


@quiet()
def cine():
    """Phases of a cycle after a trigger, the same line over and over; adjustable pauses that were adjusted."""
    seq = pp.Sequence(SYSTEM)
    rf, gz, gzr = _sinc()
    gx, adc, before = _readout()
    for line in range(3):
        seq.add_block(pp.make_trigger("physio2", delay=1e-4, duration=1e-3), pp.make_label("PHS", "SET", 0))
        for _ in range(3):
            seq.add_block(rf, gz)
            seq.add_block(before, _step(line), gzr)
            seq.add_block(gx, adc)
            seq.add_block(pp.make_soft_delay("TR", offset=-5e-3, factor=1.0, default_duration=1e-3))
            seq.add_block(_step(LINES - line), pp.make_label("PHS", "INC", 1))
        seq.add_block(pp.make_delay(2e-3), pp.make_label("LIN", "INC", 1))
    seq.apply_soft_delay(TR=8e-3)
    return seq


FAMILIES = [
    labelled_gradient_echo, balanced, labelled_echo_planar, spin_echo_planar, ramp_sampled_echo_planar,
    half_fourier_train, ultrashort, magnetisation_prepared, cine,
]  # fmt: skip
