"""Pulses of a file as events; pulses of one shape share its arrays, so that they are compiled once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from physim_phantoms._checks import InputError, suggest

from ..sequence.events import Rf, Use
from .stored import Shapes
from .tables import RfRow, Tables, located, look_up

Times = Int[np.ndarray, " sample"]
Values = Float[np.ndarray, " sample"]

PLATEAU = 0.99999  # of the peak: what counts as its flat top


class Pulses:
    """Pulses by id."""

    def __init__(self, tables: Tables, shapes: Shapes):
        self._rows = tables.rf
        self._shapes = shapes
        self._raster = tables.rasters.rf
        self._made: dict[int, Rf] = {}
        self._phases: dict[int | tuple, np.ndarray] = {}
        self._times: dict[tuple, np.ndarray] = {}

    def pulse(self, number: int, where: str) -> Rf:
        """The pulse of an id; `where` is who asks."""
        if number not in self._made:
            row = look_up(self._rows, number, "RF event", where)
            with located(row.where):
                self._made[number] = self._new(row)
        return self._made[number]

    def _new(self, row: RfRow) -> Rf:
        magnitude = self._shapes.samples(row.magnitude, row.where)
        times = self._sample_times(row, len(magnitude))
        phase = self._phase(row, len(magnitude))
        if len(phase) != len(magnitude):
            raise InputError(
                f"it has {len(magnitude)} magnitudes and {len(phase)} phases; shape {row.magnitude} and shape {row.phase} "
                "must be equally long"
            )
        if row.use not in [use.value for use in Use]:
            raise suggest("use of a pulse", row.use, (use.value for use in Use))
        return Rf(
            *(row.amplitude, magnitude, phase, times),
            duration=-(-int(times[-1]) // self._raster) * self._raster,
            delay=row.delay,
            centre=peak_time(magnitude, times) if row.centre is None else row.centre,
            frequency_offset=row.frequency_offset,
            phase_offset=row.phase_offset,
            frequency_ppm=row.frequency_ppm,
            phase_ppm=row.phase_ppm,
            use=Use(row.use),
        )

    def _sample_times(self, row: RfRow, samples: int) -> Times:
        """Centres of raster steps, or the times of a shape, ps."""
        if row.time < 0:
            raise InputError(
                f"its time shape is {row.time}; it must be the id of a shape, or 0 for the centres of the raster"
            )
        key = (row.time, samples if row.time == 0 else 0)
        if key not in self._times:
            self._times[key] = self._new_times(row, samples)
        if len(self._times[key]) != samples:
            raise InputError(
                f"it has {samples} magnitudes and {len(self._times[key])} times; shape {row.magnitude} and time shape "
                f"{row.time} must be equally long"
            )
        return self._times[key]

    def _new_times(self, row: RfRow, samples: int) -> Times:
        if row.time == 0:
            return (2 * np.arange(samples, dtype=np.int64) + 1) * self._raster // 2
        return np.round(self._shapes.samples(row.time, row.where) * self._raster).astype(np.int64)

    def _phase(self, row: RfRow, samples: int) -> Values:
        """Phases in rad; shapes hold cycles, and id 0 is no phase at all."""
        key = row.phase or (0, samples)
        if key not in self._phases:
            cycles = self._shapes.samples(row.phase, row.where) if row.phase else np.zeros(samples)
            self._phases[key] = 2 * np.pi * cycles
        return self._phases[key]


def peak_time(magnitude: Values, times: Times) -> int:
    """The middle of the highest part of a pulse, ps: its centre where a file does not say."""
    size = np.abs(magnitude)
    top = times[size >= PLATEAU * size.max()]
    return int(top[0] + top[-1]) // 2
