"""From a sequence to the tables of a file: equal events and equal shapes are stored once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..sequence.blocks import AXES, Block, Sequence
from ..sequence.events import Adc, Gradient, Rf, Trapezoid
from .definitions import in_metres
from .gradients import MILLITESLA_PER_HERTZ
from .rasters import rasters_for
from .rotations import quaternion_of
from .rows import shaped_gradient, shaped_pulse
from .shapes import compress
from .tables import AdcRow, BlockRow, Link, RfRow, ShapedRow, StoredShape, Tables, TrapezoidRow
from .versions import EDGES_AND_CENTRES, ROTATIONS_AND_SHIMS


class _Numbered:
    """Gives equal things one number, from 1 on."""

    def __init__(self):
        self.numbers: dict[Any, int] = {}
        self.rows: dict[int, Any] = {}

    def number(self, key: Any, row: Any) -> int:
        """The number of what `key` stands for, kept as `row` if it is new."""
        if key not in self.numbers:
            self.numbers[key] = len(self.numbers) + 1
            self.rows[self.numbers[key]] = row
        return self.numbers[key]


class _Extension(NamedTuple):
    """An entry of a block's chain: the kind, what tells equal ones, and the object."""

    kind: str
    key: Any
    found: Any


def collect(sequence: Sequence) -> Tables:
    """The tables of a file of revision 1.5; raises `ValueError` for what such a file cannot hold."""
    collector = _Collector(sequence)
    blocks = [collector.block(number, one) for number, one in enumerate(sequence)]
    extensions = {name: table.rows for name, table in collector.extensions.items()}
    newer = extensions.keys() & {"ROTATIONS", "RF_SHIMS"}
    return Tables(
        ROTATIONS_AND_SHIMS if newer else EDGES_AND_CENTRES,
        collector.rasters,
        in_metres(dict(sequence.definitions)),
        blocks,
        rf=collector.rf.rows,
        gradients=collector.gradients.rows,
        adc=collector.adc.rows,
        shapes=collector.shapes.rows,
        links=collector.links.rows,
        kinds={number: name for name, number in collector.kinds.items()},
        extensions=extensions,
    )


class _Collector:
    """Numbers events, shapes and extensions as blocks come."""

    def __init__(self, sequence: Sequence):
        self.rasters = rasters_for(sequence)
        self.rf, self.gradients, self.adc = _Numbered(), _Numbered(), _Numbered()
        self.shapes, self.links = _Numbered(), _Numbered()
        self.kinds: dict[str, int] = {}
        self.extensions: dict[str, _Numbered] = {}
        self.known: dict[int, int] = {}  # id of an event -> its number; the sequence keeps the events alive

    def block(self, number: int, one: Block) -> BlockRow:
        """The row of a block."""
        where = f"block {number}"
        made = {axis: self._once(getattr(one, axis), self._gradient, f"{axis} of {where}") for axis in AXES}
        return BlockRow(
            where,
            rf=self._once(one.rf, self._rf, f"rf of {where}"),
            adc=self._once(one.adc, self._adc, f"adc of {where}"),
            extension=self._chain(one, where),
            duration=one.duration,
            **made,
        )

    def _once(self, event: Any, add, where: str) -> int:
        if event is None:
            return 0
        if id(event) not in self.known:
            self.known[id(event)] = add(event, where)
        return self.known[id(event)]

    def _shape(self, samples) -> int:
        samples = np.ascontiguousarray(samples, float)
        number = self.shapes.numbers.get(samples.tobytes())
        if number is None:
            shape = StoredShape("", len(samples), compress(samples))
            number = self.shapes.number(samples.tobytes(), shape)
        return number

    def _rf(self, event: Rf, where: str) -> int:
        shaped = shaped_pulse(event, self.rasters.rf)
        row = RfRow(
            where,
            shaped.amplitude,
            self._shape(shaped.magnitude),
            self._shape(shaped.cycles),
            0 if shaped.times is None else self._shape(shaped.times),
            event.centre,
            event.delay,
            event.frequency_ppm,
            event.phase_ppm,
            event.frequency_offset,
            shaped.phase_offset,
            event.use.value,
        )
        return self.rf.number(row[1:], row)

    def _gradient(self, event: Gradient, where: str) -> int:
        if isinstance(event, Trapezoid):
            amplitude = event.amplitude / MILLITESLA_PER_HERTZ
            row = TrapezoidRow(where, amplitude, event.rise, event.flat, event.fall, event.delay)
            return self.gradients.number(row[1:], row)
        shaped = shaped_gradient(event, self.rasters.gradient, where)
        time = shaped.time if isinstance(shaped.time, int) else self._shape(shaped.time)
        edges = shaped.first, shaped.last
        row = ShapedRow(where, shaped.amplitude, self._shape(shaped.shape), time, shaped.delay, *edges)
        return self.gradients.number(row[1:], row)

    def _adc(self, event: Adc, where: str) -> int:
        row = AdcRow(
            *(where, event.samples, event.dwell, event.delay),
            *(event.frequency_ppm, event.phase_ppm, event.frequency_offset, event.phase_offset),
            phase_shape=0 if event.phase_modulation is None else self._shape(event.phase_modulation),
        )
        return self.adc.number(row[1:], row)

    def _chain(self, one: Block, where: str) -> int:
        """The number of the first entry of a block's extensions, each of which names the next; 0 for none."""
        place = 0
        for entry in reversed(_extensions(one, where)):
            kind = self.kinds.setdefault(entry.kind, len(self.kinds) + 1)
            table = self.extensions.setdefault(entry.kind, _Numbered())
            link = Link(where, kind, table.number(entry.key, entry.found), place)
            place = self.links.number(link[1:], link)
        return place


def _extensions(one: Block, where: str) -> list[_Extension]:
    """The extensions of a block, in the order of its chain."""
    made = [_Extension(f"LABEL{label[0]}", label, label) for label in one.labels]
    for trigger in one.triggers:
        key = (trigger.kind, trigger.channel, trigger.delay, trigger.duration)
        made.append(_Extension("TRIGGERS", key, trigger))
    if one.soft_delay is not None:
        soft = one.soft_delay
        made.append(_Extension("DELAYS", (soft.number, soft.hint, soft.offset, soft.factor), soft))
    if one.rotation is not None:
        quaternion = quaternion_of(np.asarray(one.rotation, float), where)
        made.append(_Extension("ROTATIONS", tuple(quaternion), quaternion))
    if one.rf_shim is not None:
        pairs = np.stack([one.rf_shim.magnitudes, one.rf_shim.phases], axis=1).ravel()
        made.append(_Extension("RF_SHIMS", tuple(pairs), pairs))
    return made
