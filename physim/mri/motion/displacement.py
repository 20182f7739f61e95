"""Spins that each move their own way: breathing, a heartbeat, flow.

    r(t) = r + Σ_m a_m(t) d_m,        phase = k·r + Σ_m (∫ a_m G dt)·d_m

A few fields of displacement d_m (mm, one vector per spin) and what each is worth in time. With a piecewise linear a the
moments are exact, so that any velocity profile costs three dimensions of the encoding and no steps in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, require_finite

from ..gradients.system import Played
from .motion import Motion, MovedGradients, require_concrete, require_plain, require_times
from .weighted import WeightedGradient, Weights

LONGEST = 1e4  # s for which spins flow


class DisplacementMotion(Motion):
    """Displacements that grow and shrink in time, linear between `times` and constant before and after.

    - `times`: s from the start of the sequence. - `weights`: what each field is worth at each time.
    - `displacement`: mm per unit of weight, for each spin; traced, so that derivatives in it are exact.

    Positions of spins are those where all weights are zero. Everything of a spin goes with it. For `mri.scan` the spins are
    those of `mri.spins_in(patient, scanner, per_voxel)`.

    Good values: breathing as one field from end of expiration to end of inspiration and a weight between 0 and 1.
    """

    times: Float[np.ndarray, " knot"]
    weights: Float[np.ndarray, "knot mode"]
    displacement: Float[Array, "mode spin 3"]

    def __init__(self, times, weights, displacement: Float[np.ndarray | Array, "mode spin 3"]):
        require_times(times)
        self.times = np.asarray(times, float)
        require_concrete("weights", weights)
        self.weights = np.asarray(weights, float)
        self.displacement = jnp.asarray(displacement, jnp.result_type(float))
        modes = self.displacement.shape[0] if self.displacement.ndim == 3 else 0
        if self.displacement.ndim != 3 or self.displacement.shape[2] != 3 or not modes:
            raise InputError(
                f"displacement has shape {self.displacement.shape}; it must be (fields, spins, 3), in mm"
            )
        if self.weights.shape != (len(self.times), modes):
            raise InputError(
                f"weights has shape {self.weights.shape}; it must have one number at each of {len(self.times)} times for "
                f"each of {modes} fields: shape {(len(self.times), modes)}"
            )
        require_finite("weights", self.weights)
        require_finite("displacement", self.displacement)

    @classmethod
    def through(cls, times, displacement: Float[np.ndarray | Array, "time spin 3"]) -> DisplacementMotion:
        """Spins that are displaced by `displacement[i]` (mm) at `times[i]` (s) and go straight in between.

        Three dimensions of the encoding for each time: for many times write few fields with weights.
        """
        return cls(times, np.eye(len(np.asarray(times))), displacement)

    @classmethod
    def flow(cls, velocity: Float[np.ndarray | Array, "spin 3"]) -> DisplacementMotion:
        """Spins at constant velocities, mm/s; positions are those at the start of the sequence."""
        return cls(np.array([0.0, LONGEST]), np.array([[0.0], [LONGEST]]), jnp.asarray(velocity)[None])

    def seen(self, played: Played) -> WeightedGradients:
        """The gradients, and their integrals times each weight."""
        require_plain(played)
        weights = Weights.of(self.times, self.weights)
        products = tuple(WeightedGradient(one, weights) for one in played.axes)
        return WeightedGradients(played, weights, products)

    def places(self, position: Float[Array, "spin axis"]) -> Float[Array, "spin more"]:
        """The displacements of all fields, mm."""
        modes, spins, _ = self.displacement.shape
        if spins != position.shape[0]:
            raise InputError(
                f"the motion displaces {spins} spins and there are {position.shape[0]}; "
                "give displacement one vector for each spin"
            )
        fields = jnp.asarray(self.displacement, position.dtype)
        return jnp.moveaxis(fields, 0, 1).reshape(spins, 3 * modes)


@dataclass(frozen=True, eq=False)
class WeightedGradients(MovedGradients):
    """Gradients, and behind them gradients times each weight."""

    played: Played
    weights: Weights
    products: tuple[WeightedGradient, ...]

    def rate(self, times) -> Float[np.ndarray, "... axis"]:
        """Hz/mm at `times` (ps)."""
        plain = self.played.rate(times)
        more = self.weights.at(times)[..., :, None] * plain[..., None, :]
        return np.concatenate([plain, more.reshape(*more.shape[:-2], -1)], axis=-1)

    def moment(self, times) -> Float[np.ndarray, "... axis"]:
        """The integral of `rate` up to `times` (ps), cycles/mm."""
        more = np.stack([one.integral(times) for one in self.products], axis=-1)
        return np.concatenate([self.played.moment(times), more.reshape(*more.shape[:-2], -1)], axis=-1)

    def common(self, times) -> Float[np.ndarray, "..."]:
        """The phase that all spins have alike, cycles."""
        return self.played.common(times)
