"""Signal equations of the textbook contrasts: ideal pulses, ideal spoiling, steady state.

Times are in seconds, angles in radians. Every sequence is a pytree of traced numbers, so a protocol can be optimised.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_range

Number = int | float | np.floating | Float[Array, ""]
Tissues = int | float | Float[Array | np.ndarray, "..."]


@runtime_checkable
class Contrast(Protocol):
    """Anything that turns tissue values into a signal at the echo."""

    def signal(
        self, proton_density: Tissues, t1: Tissues, t2: Tissues, t2_star: Tissues
    ) -> Float[Array, "..."]:
        """Signal at the echo, as a fraction of the fully relaxed signal of water."""
        ...


class SpoiledGradientEcho(eqx.Module):
    """Spoiled gradient echo (FLASH, SPGR).

        S = PD sin(α) (1 − E1) / (1 − E1 cos(α)) exp(−TE / T2*),   E1 = exp(−TR / T1)

    Source: Ernst and Anderson, Rev. Sci. Instrum. 37 (1966) 93; Bernstein, King and Zhou, Handbook of MRI Pulse Sequences
    (2004), ch. 14. Largest at the Ernst angle, cos(α) = E1.

    - `tr`, `te`: repetition and echo time, s; 0 <= te < tr.
    - `flip_angle`: rad, above 0 and at most π.

    Good values: T1-weighted brain at 3 T: `SpoiledGradientEcho(tr=0.018, te=0.004, flip_angle=0.40)`;
    proton-density-weighted: `flip_angle=0.07`.
    """

    tr: Number
    te: Number
    flip_angle: Number

    def __check_init__(self):
        _require_times(tr=self.tr, te=self.te)
        require_range("flip_angle", self.flip_angle, 1e-6, math.pi, "rad")

    def signal(
        self, proton_density: Tissues, t1: Tissues, t2: Tissues, t2_star: Tissues
    ) -> Float[Array, "..."]:
        """Transverse magnetisation at the echo, relative to fully relaxed water; relaxation times in s."""
        recovery = -jnp.expm1(-self.tr / t1)
        cosine = jnp.cos(self.flip_angle)
        steady = jnp.sin(self.flip_angle) * recovery / (1 - cosine + cosine * recovery)
        return jnp.asarray(proton_density) * steady * jnp.exp(-self.te / t2_star)


class SpinEcho(eqx.Module):
    """Spin echo, 90° - TE/2 - 180° - TE/2.

        S = PD (1 − 2 exp(−(TR − TE/2) / T1) + exp(−TR / T1)) exp(−TE / T2)

    The refocusing pulse inverts what has recovered in the first TE/2, hence the middle term.
    Source: Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004), ch. 14.

    - `tr`, `te`: repetition and echo time, s; 0 <= te < tr.

    Good values: T2-weighted brain `SpinEcho(tr=4.0, te=0.09)`; proton-density-weighted `SpinEcho(tr=3.0, te=0.012)`.
    """

    tr: Number
    te: Number

    def __check_init__(self):
        _require_times(tr=self.tr, te=self.te)

    def signal(
        self, proton_density: Tissues, t1: Tissues, t2: Tissues, t2_star: Tissues
    ) -> Float[Array, "..."]:
        """Transverse magnetisation at the echo, relative to fully relaxed water; relaxation times in s."""
        ready = 1 - 2 * jnp.exp(-(self.tr - self.te / 2) / t1) + jnp.exp(-self.tr / t1)
        return jnp.asarray(proton_density) * ready * jnp.exp(-self.te / t2)


class InversionRecovery(eqx.Module):
    """Inversion-recovery spin echo, 180° - TI - 90° - TE/2 - 180° - TE/2; FLAIR or STIR by the choice of TI.

        S = PD (1 − 2 exp(−TI / T1) + 2 exp(−(TR − TE/2) / T1) − exp(−TR / T1)) exp(−TE / T2)

    The sign is kept: tissues with longer T1 than the nulled one are negative until the magnitude is taken.
    Source: Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004), ch. 14.

    - `tr`, `te`, `ti`: repetition, echo and inversion time, s; te >= 0, ti > 0, ti + te < tr.

    Good values: FLAIR at 3 T `InversionRecovery(tr=9.0, te=0.1, ti=2.5)`, where `null_time` of CSF gives the TI.
    """

    tr: Number
    te: Number
    ti: Number

    def __check_init__(self):
        _require_times(tr=self.tr, te=self.te)
        require_range("ti", self.ti, 1e-6, 100.0, "s")
        if all(map(is_concrete, (self.tr, self.te, self.ti))) and float(self.ti) + float(self.te) >= float(
            self.tr
        ):
            raise InputError(
                f"ti + te is {float(self.ti) + float(self.te):g} s; it must be below tr = {float(self.tr):g} s: raise tr"
            )

    def signal(
        self, proton_density: Tissues, t1: Tissues, t2: Tissues, t2_star: Tissues
    ) -> Float[Array, "..."]:
        """Signed transverse magnetisation at the echo, relative to fully relaxed water; relaxation times in s."""
        recovered = 1 - 2 * jnp.exp(-self.ti / t1)
        carried_over = 2 * jnp.exp(-(self.tr - self.te / 2) / t1) - jnp.exp(-self.tr / t1)
        return jnp.asarray(proton_density) * (recovered + carried_over) * jnp.exp(-self.te / t2)


def null_time(tr: Number, te: Number, t1: Number) -> Float[Array, ""]:
    """Inversion time at which `InversionRecovery(tr, te, ti)` nulls a tissue of this T1, s.

        TI = T1 ln(2 / (1 + 2 exp(−(TR − TE/2) / T1) − exp(−TR / T1)))

    Good values: CSF at 3 T (T1 about 4 s), TR 9 s, gives about 2.4 s.
    """
    _require_times(tr=tr, te=te)
    carried_over = 2 * jnp.exp(-(tr - te / 2) / t1) - jnp.exp(-tr / t1)
    return jnp.asarray(t1 * jnp.log(2 / (1 + carried_over)))


def _require_times(tr: Number, te: Number) -> None:
    require_range("tr", tr, 1e-6, 100.0, "s")
    require_range("te", te, 0.0, 100.0, "s")
    if is_concrete(tr) and is_concrete(te) and float(te) >= float(tr):
        raise InputError(
            f"te is {float(te):g} s; it must be below tr = {float(tr):g} s (times are in seconds, not ms)"
        )
