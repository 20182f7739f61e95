"""From the tables of a file to a sequence: each event is made once and shared by the blocks that play it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from physim_phantoms._checks import InputError

from ..sequence.blocks import AXES, Block, Sequence
from ..sequence.events import Adc, Gradient, Trapezoid
from .definitions import require_extensions_known
from .edges import Edges
from .extensions import PulseqWarning, extensions_of, warn_of_unknown
from .gradients import MILLITESLA_PER_HERTZ, sample_times, waveform
from .radio_frequency import Pulses
from .stored import Shapes
from .tables import AdcRow, BlockRow, Tables, TrapezoidRow, located, look_up
from .versions import EXPLICIT_TIMES

ROUNDED = 2e-5  # of a duration: files may hold five digits of it


def assemble(tables: Tables) -> Sequence:
    """The sequence of a file; raises `ValueError` where a block or an event cannot be what the tables say."""
    require_extensions_known(tables.definitions)
    warn_of_unknown(tables)
    if not tables.blocks:
        raise InputError("the file has no blocks; a sequence needs at least one")
    maker = _Maker(tables)
    sequence = Sequence([maker.block(row) for row in tables.blocks], tables.definitions)
    _warn_of_missing_time(sequence)
    return sequence


def _warn_of_missing_time(sequence: Sequence) -> None:
    """Warns where the blocks do not last as long as the file says they do."""
    said = sequence.definitions.get("TotalDuration")
    if isinstance(said, int | float) and abs(said - sequence.duration) > ROUNDED * max(
        abs(said), sequence.duration
    ):
        warnings.warn(
            f"the {len(sequence)} blocks last {sequence.duration:.9g} s, and TotalDuration is {said:.9g} s; blocks were changed, "
            "added or lost after the file was written: export it again, or correct TotalDuration if the change is yours",
            PulseqWarning,
            stacklevel=4,
        )


class _Maker:
    """Makes events and blocks, and remembers them: equal rows become one object."""

    def __init__(self, tables: Tables):
        self.tables = tables
        self.shapes = Shapes(tables)
        self.pulses = Pulses(tables, self.shapes)
        self.edges = Edges(tables, self.shapes)
        self.gradients: dict[tuple, Gradient] = {}
        self.adcs: dict[int, Adc] = {}
        self.extensions: dict[int, dict[str, Any]] = {}
        self.blocks: dict[tuple, Block] = {}

    def block(self, row: BlockRow) -> Block:
        """The block of a row."""
        gradients = {axis: self._gradient(getattr(row, axis), axis, row) for axis in AXES}
        key = (*row[1:], *(id(gradient) for gradient in gradients.values()))
        if key not in self.blocks:
            self.blocks[key] = self._new_block(row, gradients)
        self.edges.next_block({axis: getattr(row, axis) for axis in AXES}, self.blocks[key])
        return self.blocks[key]

    def _new_block(self, row: BlockRow, gradients: dict[str, Gradient | None]) -> Block:
        rf = self.pulses.pulse(row.rf, row.where) if row.rf else None
        adc = self._adc(row.adc, row.where) if row.adc else None
        if row.extension not in self.extensions:
            self.extensions[row.extension] = extensions_of(row, self.tables)
        extensions = self.extensions[row.extension]
        events = [event for event in (rf, *gradients.values(), adc) if event is not None]
        with located(row.where):
            duration = self._duration(row, [*events, *extensions["triggers"]])
            return Block(duration, rf=rf, adc=adc, **gradients, **extensions)

    def _duration(self, row: BlockRow, events: list) -> int:
        """As the file says; before 1.4, the longest of the delay, the events and the triggers."""
        if self.tables.version >= EXPLICIT_TIMES:
            if row.duration is None or row.duration < 0:
                raise InputError("its duration is negative; it must be 0 or more")
            return row.duration
        delay = look_up(self.tables.delays, row.delay, "delay", row.where) if row.delay else 0
        return max([delay, *(event.end for event in events)])

    def _gradient(self, number: int, axis: str, row: BlockRow) -> Gradient | None:
        if not number:
            return None
        found = look_up(self.tables.gradients, number, "gradient", f"{row.where} along {axis}")
        first, last = (None, None) if isinstance(found, TrapezoidRow) else self.edges.of(number, axis)
        key = (number, first, last)
        if key not in self.gradients:
            with located(found.where):
                self.gradients[key] = self._new_gradient(found, first, last)
        return self.gradients[key]

    def _new_gradient(self, found, first, last) -> Gradient:
        if isinstance(found, TrapezoidRow):
            amplitude = found.amplitude * MILLITESLA_PER_HERTZ
            return Trapezoid(amplitude, found.rise, found.flat, found.fall, found.delay)
        raster = self.tables.rasters.gradient
        shape = self.shapes.samples(found.shape, found.where)
        explicit = self.shapes.samples(found.time, found.where) if found.time > 0 else None
        times = sample_times(found, len(shape), explicit, raster)
        return waveform(times, found.amplitude * shape, first, last, found.delay, raster)

    def _adc(self, number: int, where: str) -> Adc:
        if number not in self.adcs:
            row: AdcRow = look_up(self.tables.adc, number, "ADC event", where)
            with located(row.where):
                self.adcs[number] = Adc(
                    *(row.samples, row.dwell, row.delay),
                    frequency_offset=row.frequency_offset,
                    phase_offset=row.phase_offset,
                    frequency_ppm=row.frequency_ppm,
                    phase_ppm=row.phase_ppm,
                    phase_modulation=self._modulation(row),
                )
        return self.adcs[number]

    def _modulation(self, row: AdcRow) -> np.ndarray | None:
        """The phase of each sample of a read-out, rad."""
        if not row.phase_shape or row.samples < 1:
            return None
        phases = self.shapes.samples(row.phase_shape, row.where)
        if len(phases) != row.samples:
            raise InputError(
                f"it has {row.samples} samples, and shape {row.phase_shape} {len(phases)} phases; give one for each"
            )
        return phases
