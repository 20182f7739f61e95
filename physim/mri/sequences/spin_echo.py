"""Spin echoes: one or a train of them behind each excitation, with gradients that crush everything else."""

from __future__ import annotations

import math
from collections.abc import Sequence as Several

import numpy as np
from jaxtyping import Int

from physim_phantoms._checks import InputError, require_range

from ..sequence.blocks import Block, Sequence
from ..sequence.events import Use
from ..units import picoseconds
from .gradient_echo import cartesian, described, line_for
from .limits import Limits
from .lines import Line, Slice, Whole, excitation, over, phase_steps, require_matrix
from .preparations import Preparation, prepared
from .repetition import Lobes
from .timing import require_raster, wait


def spin_echo(
    matrix: Several[int] = (128, 128),
    field_of_view: Several[float] = (256.0, 256.0),
    te: float = 20e-3,
    tr: float = 2.0,
    *,
    region: Slice | Whole = Slice(),
    dwell: float = 20e-6,
    preparation: Preparation | None = None,
    crushers: float = 4.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A Cartesian spin echo, one line per TR: 90°ₓ, then 180°ᵧ between crushers.

    - `matrix`, `field_of_view` (mm): along x and y.
    - `te`, `tr`: s, from the middle of the excitation; TE is a multiple of 20 µs.
    - `preparation`: `Inversion(ti)`, `FatSaturation()` or None. - `crushers`: cycles across the slice on each side of 180°,
      across a column where there is no slice. - `dummies`: repetitions without read-out before the first.

    Source: Hahn, Phys. Rev. 80 (1950) 580. Raises `ValueError` where times are too short or a gradient is beyond the limits.

    Good values: `spin_echo((256, 256), (220.0, 220.0), te=15e-3, tr=0.6)`.
    """
    require_raster("te", te, 2 * limits.raster)
    train = Train(matrix, field_of_view, te, (math.pi,), region, dwell, crushers, "te", limits)
    order = np.arange(train.lines)[:, None]
    blocks = _shots(train, order, tr, preparation, dummies)
    return Sequence(blocks, train.definitions("SpinEcho", te, tr))


def turbo_spin_echo(
    matrix: Several[int] = (128, 128),
    field_of_view: Several[float] = (256.0, 256.0),
    te: float = 80e-3,
    tr: float = 3.0,
    *,
    echo_train: int = 8,
    echo_spacing: float = 10e-3,
    refocusing: float | Several[float] = math.pi,
    region: Slice | Whole = Slice(),
    dwell: float = 20e-6,
    preparation: Preparation | None = None,
    crushers: float = 4.0,
    dummies: int = 0,
    limits: Limits = Limits(),
) -> Sequence:
    """A Cartesian turbo spin echo (RARE): `echo_train` lines behind each excitation, which keeps to the CPMG condition.

    Pulses and echoes are `echo_spacing` apart, 180°ᵧ follows 90°ₓ by half of it, and the gradients between any two
    refocusing pulses are the same up to phase encoding, which is undone. Bands of lines belong to echoes in their order,
    turned round so that the band about k = 0 belongs to the echo at `te`.

    - `te`: s, a multiple of `echo_spacing`. - `echo_spacing`: s, a multiple of 20 µs. - `refocusing`: flip angle, rad, or one for
      each echo. - `preparation`: `Inversion(ti)` for FLAIR and STIR, `FatSaturation()`, or None.
    - others: see `spin_echo`.

    Source: Hennig, Nauerth and Friedburg, Magn. Reson. Med. 3 (1986) 823. Raises `ValueError` where times are too short, TE is
    at no echo, lines do not fill whole trains, or a gradient is beyond the limits.

    Good values: `turbo_spin_echo((256, 256), (220.0, 220.0), te=100e-3, tr=4.0, echo_train=16)`.
    """
    require_raster("echo_spacing", echo_spacing, 2 * limits.raster)
    flips = _flips(refocusing, echo_train)
    train = Train(matrix, field_of_view, echo_spacing, flips, region, dwell, crushers, "echo_spacing", limits)
    order = _order(train.lines, echo_train, _echo_of(te, echo_spacing, echo_train))
    blocks = _shots(train, order, tr, preparation, dummies)
    return Sequence(blocks, train.definitions("TurboSpinEcho", te, tr))


class Train:
    """One excitation and its echoes, ready to be played with any lines."""

    def __init__(self, matrix, field_of_view, spacing, flips, region, dwell, crushers, name, limits):
        (columns, self.lines), (width, height) = require_matrix(matrix, field_of_view)
        self.matrix, self.view, self.region = (columns, self.lines), (width, height), region
        self.limits, self.lobes, self.flips, self.name = limits, Lobes(limits), tuple(flips), name
        self.spacing = picoseconds(spacing)
        self.steps = phase_steps(self.lines, height)
        self.pulse = excitation(region, math.pi / 2, limits)
        self.refocusing = excitation(region, math.pi, limits, -math.pi / 2, Use.REFOCUSING)
        time = self.spacing // 2 - self.refocusing.after_centre
        self.line = line_for(columns, width, dwell, time, limits)
        across = region.thickness if isinstance(region, Slice) else width / columns
        self.crusher = crushers / across
        # Equal moments on both sides of every echo, although k = 0 is not the middle of an even number of samples.
        self.after, self.before = _balance(self.line)

    def play(self, lines, reads: bool) -> list[Block]:
        """One shot: the lines (their numbers) of the echoes in turn."""
        half, pulse, refocusing = self.spacing // 2, self.pulse, self.refocusing
        line, lobes, limits = self.line, self.lobes, self.limits
        first = (self.before - line.rewinding, 0.0, pulse.rephasing + self.crusher)
        beside = lobes.length([self.after, self.before, abs(self.steps).max(), pulse.rephasing, self.crusher])
        dephasing = lobes.block(first, lobes.length(first))
        spent = pulse.after_centre + dephasing.duration + refocusing.before_centre
        blocks = [pulse.play(), dephasing, wait(half - spent, self.name, limits)]
        waiting = wait(half - refocusing.after_centre - beside - line.echo, self.name, limits)
        spent = refocusing.duration + 2 * beside + waiting.duration + line.gradient.end
        rest = wait(self.spacing - spent, self.name, limits)
        for number, flip in zip(lines, self.flips, strict=True):
            step = float(self.steps[number])
            blocks += [
                refocusing.play(scale=flip / math.pi),
                lobes.block((self.after, step, self.crusher), beside),
                waiting,
                *cartesian(line, (step, 0.0), (0.0, 0.0, 0.0)).play(0.0, reads),
                rest,
                lobes.block((self.before, -step, self.crusher), beside),
            ]
        return blocks

    def definitions(self, name: str, te: float, tr: float) -> dict[str, object]:
        """What an image must know."""
        return over(self.region, described(name, self.matrix, self.view, te, tr))


def _balance(line: Line) -> tuple[float, float]:
    """Moments along x (cycles/mm) to add after and before a refocusing pulse so that both sides of an echo are equal."""
    difference = line.prephasing - line.rewinding
    return max(0.0, difference), max(0.0, -difference)


def _shots(train: Train, order, tr: float, preparation: Preparation | None, dummies: int) -> list[Block]:
    """All shots, each with its preparation and the pause that makes TR."""
    length = require_raster("tr", tr, train.limits.raster)
    ahead = prepared(preparation, train.pulse.before_centre, train.limits)
    blocks: list[Block] = []
    for number in range(dummies + len(order)):
        shot = [*ahead, *train.play(order[max(0, number - dummies)], number >= dummies)]
        spent = sum(one.duration for one in shot)
        blocks += [*shot, wait(length - spent, "tr", train.limits)]
    return blocks


def _flips(refocusing: float | Several[float], echo_train: int) -> tuple[float, ...]:
    """One flip angle for each echo."""
    if echo_train < 1:
        raise InputError(f"echo_train is {echo_train}; it must be at least 1")
    given = np.ravel(np.asarray(refocusing, float))
    if len(given) not in (1, echo_train):
        raise InputError(
            f"refocusing has {len(given)} flip angles for {echo_train} echoes; give one, or one for each echo"
        )
    require_range("refocusing", given, 1e-3, 2 * math.pi, "rad")
    return tuple(np.broadcast_to(given, (echo_train,)).tolist())


def _echo_of(te: float, echo_spacing: float, echo_train: int) -> int:
    """Which echo comes at TE, from 0 on."""
    number = te / echo_spacing
    if abs(number - round(number)) > 1e-6 or not 1 <= round(number) <= echo_train:
        nearest = min(max(1, round(number)), echo_train) * echo_spacing
        raise InputError(
            f"te is {te * 1e3:g} ms, but echoes come every {echo_spacing * 1e3:g} ms "
            f"up to {echo_train * echo_spacing * 1e3:g} ms; "
            f"write te={nearest:.9g}, or another echo_spacing"
        )
    return round(number) - 1


def _order(lines: int, echo_train: int, echo: int) -> Int[np.ndarray, "shot echo"]:
    """The line of every shot and echo: bands in their order, the one about k = 0 at the echo that is asked for."""
    if lines % echo_train:
        fits = [n for n in range(1, lines + 1) if lines % n == 0]
        near = min(fits, key=lambda n: abs(n - echo_train))
        raise InputError(
            f"{lines} lines do not fill whole trains of {echo_train} echoes; write echo_train={near}, or another matrix"
        )
    shots = lines // echo_train
    number = (np.arange(lines) - lines // 2 + shots // 2 + echo * shots) % lines
    # number // shots is the echo of a line: k = 0 lies in the middle of the band of the echo at TE.
    return np.argsort(number).reshape(echo_train, shots).T
