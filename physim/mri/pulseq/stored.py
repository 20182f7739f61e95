"""The shapes of a file, unpacked once each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .shapes import decompress
from .tables import Tables, look_up
from .versions import EXPLICIT_TIMES


class Shapes:
    """Samples of shapes by id; the same array for the same id."""

    def __init__(self, tables: Tables):
        self._stored = tables.shapes
        self._always_packed = tables.version < EXPLICIT_TIMES
        self._made: dict[int, np.ndarray] = {}

    def samples(self, number: int, where: str) -> Float[np.ndarray, " sample"]:
        """The samples of a shape; `where` is who asks."""
        if number not in self._made:
            shape = look_up(self._stored, number, "shape", where)
            self._made[number] = decompress(
                shape.stored, shape.samples, shape.where, always=self._always_packed
            )
        return self._made[number]
