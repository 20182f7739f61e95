"""Sequences of the toolbox pypulseq, taken over as they are in memory: with all their digits, and without a file.

Nothing is imported: whatever has `get_block`, `block_events`, `block_durations` and `definitions` as a
`pypulseq.Sequence` does will do.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from physim_phantoms._checks import InputError, suggest

from ..sequence.blocks import AXES, Block, Sequence
from ..sequence.events import Adc, Gradient, Rf, Trapezoid, Use
from ..sequence.extensions import SoftDelay, Trigger, TriggerKind
from ..units import picoseconds
from .definitions import in_millimetres
from .gradients import MILLITESLA_PER_HERTZ, waveform
from .radio_frequency import peak_time
from .tables import RASTER_NAMES, Rasters, located

OUTPUTS = ("osc0", "osc1", "ext1")
INPUTS = ("physio1", "physio2")


def from_pypulseq(sequence: Any) -> Sequence:
    """The sequence of a `pypulseq.Sequence`; gradients in mT/m of protons, times in whole picoseconds.

    Raises `ValueError` for anything else, and for sequences without blocks. Source: pypulseq 1.5, `Sequence.get_block`.

    Good values: `mri.simulate(spins, mri.from_pypulseq(sequence), mri.Scanner(field=3.0))`.
    """
    if not all(
        hasattr(sequence, name) for name in ("get_block", "block_events", "block_durations", "definitions")
    ):
        raise InputError(
            f"sequence is a {type(sequence).__name__}; it must be a pypulseq.Sequence: give a file to mri.read_pulseq(path)"
        )
    if not sequence.block_events:
        raise InputError("the pypulseq sequence has no blocks; add one: sequence.add_block(pulse)")
    rasters = _rasters(sequence)
    maker = _Maker(rasters)
    blocks = []
    # Blocks come from a cache, and soft delays change durations behind it.
    for number, duration in zip(sequence.block_events, _listed(sequence.block_durations), strict=True):
        with located(f"block {number}"):
            blocks.append(maker.block(sequence.get_block(number), duration))
    definitions = {name: _plain(value) for name, value in sequence.definitions.items()}
    return Sequence(blocks, in_millimetres({**definitions, **_named(rasters)}))


def _rasters(sequence: Any) -> Rasters:
    names = ("grad_raster_time", "rf_raster_time", "adc_raster_time", "block_duration_raster")
    return Rasters(*(picoseconds(float(getattr(sequence, name))) for name in names))


def _named(rasters: Rasters) -> dict[str, float]:
    return {name: time / 1e12 for name, time in zip(RASTER_NAMES, rasters, strict=True)}


def _plain(value: Any) -> Any:
    """Definitions as files give them: numbers, tuples of numbers, or texts."""
    if isinstance(value, str):
        return value.strip()
    values = np.ravel(np.asarray(value)).tolist()
    return values[0] if len(values) == 1 else tuple(values)


class _Maker:
    """Makes blocks; events and arrays that are equal become one object, so that they are compiled once."""

    def __init__(self, rasters: Rasters):
        self.rasters = rasters
        self.events: dict[tuple, Any] = {}
        self.arrays: dict[tuple, np.ndarray] = {}

    def block(self, found: SimpleNamespace, duration: float) -> Block:
        """One block, which lasts `duration` s."""
        made = {axis: self._once(getattr(found, axis, None), self._gradient) for axis in AXES}
        return Block(
            picoseconds(float(duration)),
            rf=self._once(getattr(found, "rf", None), self._rf),
            adc=self._once(getattr(found, "adc", None), self._adc),
            labels=_labels(getattr(found, "label", None)),
            triggers=tuple(_trigger(one) for one in _listed(getattr(found, "trigger", None))),
            soft_delay=_soft_delay(getattr(found, "soft_delay", None)),
            **made,
        )

    def _once(self, event: Any, make) -> Any:
        if event is None:
            return None
        key = tuple(
            (name, _hashable(value)) for name, value in sorted(vars(event).items()) if name != "channel"
        )
        if key not in self.events:
            self.events[key] = make(event)
        return self.events[key]

    def _array(self, values) -> np.ndarray:
        values = np.ascontiguousarray(values)
        return self.arrays.setdefault((values.dtype.str, values.tobytes()), values)

    def _rf(self, event: Any) -> Rf:
        signal = np.asarray(event.signal, complex)
        peak = float(np.max(np.abs(signal)))
        times = np.round(np.asarray(event.t, float) * 1e12).astype(np.int64)
        magnitude = np.abs(signal) / (peak or 1.0)
        centre = getattr(event, "center", None)
        return Rf(
            peak,
            self._array(magnitude),
            self._array(np.angle(signal)),
            self._array(times),
            duration=picoseconds(float(event.shape_dur)),
            delay=picoseconds(float(event.delay)),
            centre=peak_time(magnitude, times) if centre is None else picoseconds(float(centre)),
            use=_use(getattr(event, "use", "undefined")),
            **_offsets(event),
        )

    def _gradient(self, event: Any) -> Gradient:
        delay = picoseconds(float(event.delay))
        if event.type == "trap":
            ramps = (picoseconds(float(time)) for time in (event.rise_time, event.flat_time, event.fall_time))
            return Trapezoid(float(event.amplitude) * MILLITESLA_PER_HERTZ, *ramps, delay=delay)
        times = np.round(np.asarray(event.tt, float) * 1e12).astype(np.int64)
        samples = np.asarray(event.waveform, float)
        return waveform(times, samples, float(event.first), float(event.last), delay, self.rasters.gradient)

    def _adc(self, event: Any) -> Adc:
        modulation = getattr(event, "phase_modulation", None)
        given = modulation is not None and np.size(modulation) > 0
        return Adc(
            int(event.num_samples),
            picoseconds(float(event.dwell)),
            picoseconds(float(event.delay)),
            phase_modulation=np.array(modulation, float) if given else None,
            **_offsets(event),
        )


def _hashable(value: Any) -> Any:
    return value.tobytes() if isinstance(value, np.ndarray) else value


def _offsets(event: Any) -> dict[str, float]:
    """Offsets in Hz, rad, ppm and rad/MHz; toolboxes before 1.5 have no ppm."""
    return {
        "frequency_offset": float(event.freq_offset),
        "phase_offset": float(event.phase_offset),
        "frequency_ppm": float(getattr(event, "freq_ppm", 0.0)),
        "phase_ppm": float(getattr(event, "phase_ppm", 0.0)),
    }


def _use(name: str) -> Use:
    known = {use.name.lower(): use for use in Use}
    if name not in known:
        raise suggest("use of a pulse", name, known)
    return known[name]


def _listed(found: Any) -> list[Any]:
    """What toolboxes before 1.4.2 have as lists, and later ones by number."""
    if found is None:
        return []
    return list(found.values()) if isinstance(found, dict) else list(found)


def _labels(found: Any) -> tuple[tuple[str, str, int], ...]:
    """Labels are set before they are incremented."""
    made = [
        (one.type.removeprefix("label").upper(), str(one.label), int(one.value)) for one in _listed(found)
    ]
    return tuple(sorted(made, key=lambda label: label[0] != "SET"))


def _trigger(found: Any) -> Trigger:
    kind, channels = (TriggerKind.OUTPUT, OUTPUTS) if found.type == "output" else (TriggerKind.INPUT, INPUTS)
    if found.channel not in channels:
        raise suggest("channel of a trigger", found.channel, channels)
    times = picoseconds(float(found.delay)), picoseconds(float(found.duration))
    return Trigger(kind, channels.index(found.channel) + 1, *times)


def _soft_delay(found: Any) -> SoftDelay | None:
    if found is None:
        return None
    offset, factor = picoseconds(float(found.offset)), float(found.factor)
    return SoftDelay(int(found.numID), str(found.hint), offset, factor)
