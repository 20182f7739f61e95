"""Lag: a scintillator glows on, and later views read a part of earlier ones."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, require_range

from ..geometry.checks import Number

Parts = Float[Array | np.ndarray, " part"]


class Lag(eqx.Module):
    """Afterglow as a sum of exponentials: a part f_m of the light comes out with the time constant τ_m, the rest at once.

    Hsieh, Gurmen and King, IEEE Trans. Med. Imaging 19 (2000) 930. With r_m = exp(−Δt / τ_m) for views of length Δt,
    y_v = (1 − Σ f_m) x_v + Σ f_m s_{m,v}, s_{m,v} = r_m s_{m,v−1} + (1 − r_m) x_v, and s = 0 before the scan. All light
    comes out in the end, so a constant signal is read as it is once the glow has built up.

    - `fractions`: f_m. - `time_constants`: τ_m, s.

    Good values: `Lag((0.01, 0.002), (2e-3, 30e-3))` for a fast ceramic. Raises `ValueError` for fractions outside 0..1 or
    that sum above 1, time constants that are not positive, and numbers of them that differ.
    """

    fractions: Parts
    time_constants: Parts

    def __init__(self, fractions: Sequence[Number] | Parts, time_constants: Sequence[Number] | Parts):
        if len(fractions) != len(time_constants):
            raise InputError(
                f"{len(fractions)} fractions and {len(time_constants)} time_constants were given; give one of each per part"
            )
        require_range("fractions", fractions, 0.0, 1.0)
        require_range("the sum of fractions", sum(fractions), 0.0, 1.0)
        require_range("time_constants", time_constants, 1e-9, 1e6, "s")
        self.fractions = jnp.asarray(fractions, float)
        self.time_constants = jnp.asarray(time_constants, float)

    def apply(
        self, signal: Float[Array, "channel view row column"], durations: Float[Array, " view"]
    ) -> Float[Array, "channel view row column"]:
        """What is read in each view, views of `durations` s; linear in the signal."""
        share, kept = self._parts(signal, durations)

        def one_view(glow, item):
            now, keep = item
            glow = keep * glow + (1 - keep) * now
            return glow, (1 - jnp.sum(share)) * now + jnp.tensordot(share, glow, axes=1)

        return _view_by_view(one_view, signal, kept)

    def undone(
        self, signal: Float[Array, "channel view row column"], durations: Float[Array, " view"]
    ) -> Float[Array, "channel view row column"]:
        """The light of each view that `apply` makes this signal of: x_v = (y_v − Σ f_m r_m s_{m,v−1}) / (1 − Σ f_m r_m)."""
        share, kept = self._parts(signal, durations)

        def one_view(glow, item):
            read, keep = item
            fading = share * keep[:, 0, 0, 0]
            now = (read - jnp.tensordot(fading, glow, axes=1)) / (1 - jnp.sum(fading))
            return keep * glow + (1 - keep) * now, now

        return _view_by_view(one_view, signal, kept)

    def _parts(self, signal, durations):
        """f_m, and r_m of every view."""
        share = jnp.asarray(self.fractions, signal.dtype)
        kept = jnp.exp(-durations[:, None] / jnp.asarray(self.time_constants)).astype(signal.dtype)
        return share, kept[:, :, None, None, None]


def _view_by_view(one_view, signal, kept):
    """A scan over views that carries the glow of every part, dark before the first."""
    views = jnp.moveaxis(signal, 1, 0)
    dark = jnp.zeros((kept.shape[1], *views.shape[1:]), signal.dtype)
    return jnp.moveaxis(jax.lax.scan(one_view, dark, (views, kept))[1], 0, 1)
