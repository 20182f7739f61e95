"""Configuration states: the magnetisation of a voxel along one gradient as a Fourier series, and what happens to it.

    M⊥(x) = Σ_n F_n exp(−2πi n w x),   Mz(x) = Σ_n Z_n exp(−2πi n w x)

with M⊥ = Mx + i My and w the wave number of one order. Kept are orders from 0 on: F₊ₙ = Fₙ, F₋ₙ* (the part of M⊥* at
order n) and Zₙ; the others follow from Mz being real. Source: Weigel, J. Magn. Reson. Imaging 41 (2015) 266, in the signs
of this library: dM/dt = M × ω, and a pulse of phase φ is its amplitude times exp(−iφ).
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError

from .atoms import Atoms

Number = float | Float[np.ndarray | Array, ""]


class Winding(eqx.Module):
    """How a gradient winds magnetisation up within an interval: by whole orders, along a course.

    - `orders`: by how many. - `mean`, `square`: means over the interval of g and g², where g(t) goes from 0 to 1 as the
      moment does; only diffusion asks. A gradient that stays on all the time has ½ and ⅓.

    Good values: `Winding(1)` for an unbalanced gradient, `Winding(0)` for none or a balanced one.
    """

    orders: int = eqx.field(static=True)
    mean: Number = 0.5
    square: Number = 1 / 3

    def __check_init__(self):
        if self.orders < 0:
            raise InputError(
                f"orders is {self.orders}; it must be 0 or more: turn the gradient round so that orders rise"
            )

    @classmethod
    def trapezoid(
        cls, orders: int, duration: float, delay: float, rise: float, flat: float, fall: float
    ) -> Winding:
        """The course of a trapezoid within an interval of `duration`, all in s: exact integrals.

        Good values: the times of the gradient event, the interval from one pulse's centre to the next.
        """
        rest = duration - delay - rise - flat - fall
        if min(delay, rise, flat, fall, rest) < 0 or rise + flat + fall <= 0:
            raise InputError(
                f"a trapezoid of {delay:g} + {rise:g} + {flat:g} + {fall:g} s does not fit into {duration:g} s; "
                "it must have a length, and end within the interval"
            )
        area = flat + (rise + fall) / 2
        up, down = rise / (2 * area), 1 - fall / (2 * area)  # g at the corners of the plateau
        mean = rise * up / 3 + flat * (up + down) / 2 + fall * (1 - (1 - down) / 3) + rest
        square = rise * up**2 / 5 + flat * (up**2 + up * down + down**2) / 3 + rest
        square += fall * (1 - 2 * (1 - down) / 3 + (1 - down) ** 2 / 5)
        return cls(orders, mean / duration, square / duration)


class States(eqx.Module):
    """Configuration states of many atoms: order n is row n.

    - `plus`: Fₙ. - `minus`: F₋ₙ*. - `along`: Zₙ.
    """

    plus: Complex[Array, "order atom"]
    minus: Complex[Array, "order atom"]
    along: Complex[Array, "order atom"]

    @classmethod
    def at_rest(cls, atoms: Atoms, orders: int) -> States:
        """Equilibrium, with room for `orders` orders (0 to orders − 1).

        Good values: one more than all windings together for an exact result; 32 for fingerprinting.
        """
        if orders < 1:
            raise InputError(f"orders is {orders}; it must be at least 1: write 32")
        dtype = jnp.result_type(atoms.t1.dtype, jnp.complex64)
        nothing = jnp.zeros((orders, atoms.count), dtype)
        first = (jnp.arange(orders) == 0)[:, None]
        return cls(nothing, nothing, jnp.where(first, atoms.pd, nothing))

    def pulse(self, atoms: Atoms, flip: Number, phase: Number) -> States:
        """After an instantaneous pulse: every order turns alike, by `flip` times B1 about the axis exp(−i phase).

        With u = exp(i phase) F₊ and v its counterpart of F₋*, u + v stays, and y = (u − v)/2i turns with Z.
        """
        angle = jnp.asarray(flip, atoms.b1.dtype) * atoms.b1
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        turn = jnp.exp(1j * jnp.asarray(phase, angle.dtype))
        y = -0.5j * (self.plus * turn - self.minus * jnp.conj(turn))
        change = (cosine - 1) * y + sine * self.along
        along = cosine * self.along - sine * y
        return States(self.plus + 1j * jnp.conj(turn) * change, self.minus - 1j * turn * change, along)

    def evolve(self, atoms: Atoms, time: Number, winding: Winding, wave: Number = 0.0) -> States:
        """After `time` s of relaxation, recovery, precession and diffusion, with the gradient winding meanwhile.

        `wave` is that of one order, cycles/mm; orders beyond the last are lost. Diffusion after Weigel et al.,
        J. Magn. Reson. 205 (2010) 276: b of Fₙ is the integral of its wave number squared on the way from n to n + s.
        """
        time = jnp.asarray(time, atoms.t1.dtype)
        e1, e2 = jnp.exp(-time / atoms.t1), jnp.exp(-time / atoms.t2)
        turned = e2 * jnp.exp(-2j * jnp.pi * atoms.off_resonance * time)
        order = jnp.arange(self.plus.shape[0], dtype=time.dtype)[:, None]
        s, strength = winding.orders, (2 * jnp.pi * wave) ** 2 * time * atoms.diffusivity
        rest = s**2 * winding.square
        plus = self.plus * turned * jnp.exp(-strength * (order**2 + 2 * s * order * winding.mean + rest))
        minus = jnp.conj(turned) * jnp.exp(-strength * (order**2 - 2 * s * order * winding.mean + rest))
        along = self.along * e1 * jnp.exp(-strength * order**2)
        recovered = jnp.where(order == 0, along + atoms.pd * (1 - e1), along)
        return States(plus, self.minus * minus, recovered).wound(s)

    def wound(self, orders: int) -> States:
        """Transverse orders moved up by `orders`: what passes order 0 changes from F₋ to F₊."""
        if orders == 0:
            return self
        rows = self.plus.shape[0]
        s = min(orders, 2 * rows)
        negative = jnp.conj(self.minus[:0:-1])  # orders −rows + 1 to −1
        line = jnp.concatenate([jnp.zeros_like(self.plus[:1]), negative, self.plus])  # from −rows on
        moved = jnp.concatenate([jnp.zeros((s, line.shape[1]), line.dtype), line])[: 2 * rows]
        return States(moved[rows:], jnp.conj(moved[rows:0:-1]), self.along)
