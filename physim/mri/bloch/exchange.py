"""Free precession of two pools that exchange, in closed form.

    dm/dt = −C m,   C = [[ρₐ + k_ab, −k_ba], [−k_ab, ρ_b + k_ba]],    ρ = R₁ along z, R₂ + 2πi f across it

    exp(−C t) = e^{−μt} (cosh(st) − (C − μ) sinh(st) / s),    μ = tr C / 2,   s² = (C₁₁ − C₂₂)² / 4 + k_ab k_ba

Both functions of s are entire in s²: near s = 0 their series are taken, so that equal pools and coalescing modes have
values and derivatives. The slower rate is det C / (μ + s), without the cancellation of μ − s.
Source: McConnell, J. Chem. Phys. 28 (1958) 430; Woessner, J. Chem. Phys. 35 (1961) 41.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ..phase import wrapped, wrapped_product
from ..sequence.program import Pair

Rate = Float[Array, " spin"] | Complex[Array, " spin"]

SERIES_BELOW = 0.25  # |s t|²; the terms left out are below 10⁻¹⁵
SERIES = tuple(range(8))
# Balanced against rounding, which grows as 1 / APART; by the bits of a real number.
APART = {32: 2e-3, 64: 1e-4}
LEAST_APART = 1e-3  # 1/s


class Exchange(NamedTuple):
    """C by its parts: rates of the pools without exchange, and exchange from the first pool and back, 1/s."""

    first: Rate
    second: Rate
    out: Rate
    back: Rate

    @property
    def difference(self) -> Rate:
        """(C₁₁ − C₂₂) / 2."""
        return (self.first + self.out - self.second - self.back) / 2

    @property
    def splitting2(self) -> Rate:
        """s²."""
        return self.difference**2 + self.out * self.back

    def rates(self, splitting: Rate, widened: float | Rate = 0.0) -> tuple[Rate, Rate]:
        """The slower and the faster rate, 1/s; `widened` is how much larger the splitting's square is than s²."""
        faster = (self.first + self.out + self.second + self.back) / 2 + splitting
        determinant = self.first * self.second + self.first * self.back + self.second * self.out
        determinant = determinant - widened
        nothing = faster == 0
        return jnp.where(nothing, 0, determinant / jnp.where(nothing, 1, faster)), faster


def propagate(exchange: Exchange, first: Rate, second: Rate, time: Pair) -> tuple[Rate, Rate]:
    """exp(−C t) of two numbers, one for each pool."""
    even, odd = _functions(exchange, time)
    delta = exchange.difference
    return (
        even * first - odd * (delta * first - exchange.back * second),
        even * second + odd * (exchange.out * first + delta * second),
    )


def _functions(exchange: Exchange, time: Pair) -> tuple[Rate, Rate]:
    """e^{−μt} cosh(st) and e^{−μt} sinh(st) / s."""
    t = jnp.asarray(time.value, exchange.out.dtype).real
    z = exchange.splitting2
    small = jnp.abs(z) * t * t < SERIES_BELOW
    s = jnp.sqrt(jnp.where(small, 1, z))
    slower, faster = (_decay(rate, time) for rate in exchange.rates(s))
    x = jnp.where(small, z, 0) * t * t
    mean = _decay((exchange.first + exchange.out + exchange.second + exchange.back) / 2, time)
    cosh, sinh = jnp.zeros_like(x), jnp.zeros_like(x)
    for n in reversed(SERIES):  # Horner's rule: 1 + x/2 (1 + x/12 (...)), and 1 + x/6 (1 + x/20 (...))
        cosh = 1 + x / ((2 * n + 1) * (2 * n + 2)) * cosh
        sinh = 1 + x / ((2 * n + 2) * (2 * n + 3)) * sinh
    even = jnp.where(small, mean * cosh, (slower + faster) / 2)
    odd = jnp.where(small, mean * t * sinh, (slower - faster) / (2 * s))
    return even, odd


def _decay(rate: Rate, time: Pair) -> Rate:
    """exp(−rate · t); the phase is reduced to one cycle before float32 loses it."""
    size = jnp.exp(-rate.real * jnp.asarray(time.value, rate.real.dtype))
    if not jnp.iscomplexobj(rate):
        return size
    angle = 2 * jnp.pi * wrapped(wrapped_product(time, rate.imag / (2 * jnp.pi)))
    return jnp.asarray(size * jnp.cos(angle) - 1j * (size * jnp.sin(angle)), rate.dtype)


class Mode(NamedTuple):
    """A part of the signal that turns and decays as a whole: detuning in Hz, decay in 1/s, and its weights in both pools."""

    detuning: Float[Array, " spin"]
    r2: Float[Array, " spin"]
    of_first: Complex[Array, " spin"]
    of_second: Complex[Array, " spin"]


def modes(exchange: Exchange) -> tuple[Mode, Mode]:
    """The two eigenmodes of transverse magnetisation: the signal of both pools is the sum of w · m exp(−λ t).

    Where the modes coalesce (s = 0) each is infinite, and only their sum is not: s² is kept away from 0 by a small part of
    k_ab k_ba. There a signal is exact to 2·10⁻⁵ of the magnetisation in float32 and 10⁻⁸ in float64, its
    derivative to 10⁻³ in float64; elsewhere nothing is lost.
    """
    apart2 = APART[jnp.finfo(exchange.out.dtype).bits] ** 2 * exchange.out * exchange.back + LEAST_APART**2
    s = jnp.sqrt(exchange.splitting2 + apart2)
    delta, (slower, faster) = exchange.difference, exchange.rates(s, apart2)
    first, second = (delta - exchange.out) / (2 * s), (delta + exchange.back) / (2 * s)
    return (
        Mode(slower.imag / (2 * jnp.pi), slower.real, 0.5 - first, 0.5 + second),
        Mode(faster.imag / (2 * jnp.pi), faster.real, 0.5 + first, 0.5 - second),
    )
