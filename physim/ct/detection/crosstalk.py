"""Crosstalk: a pixel's neighbours read a part of its signal."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

from ..geometry.checks import Number


class Crosstalk(eqx.Module):
    """Each neighbour along the rows' and the columns' direction reads a fraction of a pixel's signal.

    One step of diffusion over the detector: the kernel (c, 1 − 2c, c) along each axis. It is symmetric and loses nothing:
    a pixel at the border keeps what would leave.

    - `row`: fraction that goes to each of the two pixels in the next rows. - `column`: in the next columns.

    Good values: 0.02 to 0.05 for the light in a scintillator's septa. Raises `ValueError` outside 0..0.25.
    """

    row: Number
    column: Number

    def __init__(self, row: Number = 0.0, column: Number = 0.0):
        require_range("row", row, 0.0, 0.25)
        require_range("column", column, 0.0, 0.25)
        self.row, self.column = row, column

    def apply(self, signal: Float[Array, "*stack row column"]) -> Float[Array, "*stack row column"]:
        """The signal after the exchange; linear, and its own transpose."""
        return _exchanged(_exchanged(signal, self.row, -2), self.column, -1)


def _exchanged(signal, share, axis: int):
    last = signal.shape[axis] - 1
    take = lambda start, stop: jnp.take(signal, jnp.arange(start, stop), axis=axis)
    below = jnp.concatenate([take(0, 1), take(0, last)], axis=axis)
    above = jnp.concatenate([take(1, last + 1), take(last, last + 1)], axis=axis)
    return signal + jnp.asarray(share, signal.dtype) * (below + above - 2 * signal)
