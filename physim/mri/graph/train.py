"""Trains of pulses with equal gradients between them, and their echoes by configuration states."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from .atoms import Atoms
from .states import Number, States, Winding

PerPulse = int | float | np.floating | Float[np.ndarray | Array, ""] | Float[np.ndarray | Array, " tr"]


class Train(eqx.Module):
    """Repetitions of a pulse, precession to the echo, and the rest of the repetition time; one value per TR or one for all.

    - `flip`, `phase`: rad, of the pulse; the receiver follows the phase. - `tr`, `te`: s, te from the pulse.
    - `before`, `after`: windings from pulse to echo, and from there to the next pulse. - `wave`: of one order, cycles/mm,
      for diffusion.

    A gradient echo that is read in front of its unbalanced gradient has windings 0 and 1 (SSFP-FID, fingerprinting), read
    behind it 1 and 0 (SSFP-ECHO), a train of spin echoes 1 and 1, a balanced one 0 and 0.

    Raises `ValueError` for NaN, arrays of different lengths and an echo outside its TR.

    Good values: `Train(flip, 0.0, tr=12e-3, te=3e-3)`.
    """

    flip: Float[Array, " tr"]
    phase: Float[Array, " tr"]
    tr: Float[Array, " tr"]
    te: Float[Array, " tr"]
    before: Winding
    after: Winding
    wave: Number

    def __init__(
        self,
        flip: Float[np.ndarray | Array, " tr"],
        phase: PerPulse = 0.0,
        *,
        tr: PerPulse,
        te: PerPulse = 0.0,
        before: Winding = Winding(0),
        after: Winding = Winding(1),
        wave: Number = 0.0,
    ):
        count = np.shape(flip)[0] if np.ndim(flip) == 1 else 0
        if not count:
            raise InputError(
                f"flip has shape {np.shape(flip)}; it must be a list of at least one flip angle, one per TR: "
                "write numpy.full(100, 0.5)"
            )
        for name, value in (("flip", flip), ("phase", phase), ("tr", tr), ("te", te)):
            setattr(self, name, per_pulse(name, value, count))
        require_range("tr", tr, 0.0, 1e4, "s")
        if (
            is_concrete(tr)
            and is_concrete(te)
            and np.any((np.asarray(te) > np.asarray(tr)) | (np.asarray(te) < 0))
        ):
            raise InputError(
                "an echo lies outside its TR; te must be between 0 and tr, both in s from the pulse"
            )
        self.before, self.after, self.wave = before, after, wave


def per_pulse(name: str, value: PerPulse, count: int) -> Float[Array, " tr"]:
    """One value per TR."""
    if np.shape(value) not in ((), (count,)):
        raise InputError(
            f"{name} has shape {np.shape(value)}; it must be one number, or one for each of {count} flip angles"
        )
    require_finite(name, value)
    return jnp.broadcast_to(jnp.asarray(value, jnp.result_type(float)), (count,))


def echoes(atoms: Atoms, train: Train, orders: int, start: States | None = None) -> Complex[Array, "atom tr"]:
    """The signal of every atom at every echo: order 0 of the transverse states, in the receiver's phase.

    - `orders`: how many orders are kept; all that the train can reach (all its windings + 1) make it exact, see
      `truncation_bound` for fewer. - `start`: states before the first pulse; equilibrium if None.

    T2' weighs each echo by exp(−|τ| / T2'), τ the time for which what is in focus has been dephasing: exact for equal TRs;
    refused where nothing winds, as then states of many τ are in focus together. Differentiable in everything, with memory
    for about 2 √TR sets of states.

    Good values: 32 orders for fingerprinting; 2 TR + 1 for a short train of spin echoes.
    """
    _refuse_mixed_dephasing(atoms, train)
    begin = States.at_rest(atoms, orders) if start is None else start
    rows = (train.flip, train.phase, train.tr, train.te)

    def one(states, row):
        flip, phase, tr, te = row
        after = states.pulse(atoms, flip, phase)
        at_echo = after.evolve(atoms, te, train.before, train.wave)
        signal = at_echo.plus[0] * jnp.exp(1j * phase) * _dephased(atoms, train, tr, te)
        return at_echo.evolve(atoms, tr - te, train.after, train.wave), signal

    return _checkpointed(one, begin, rows).T


def truncation_bound(t1: float, t2: float, train: Train, orders: int) -> float:
    """The largest error of any echo, relative to M₀, that keeping so many orders can make.

    To be lost a state has wound up through all orders, and to be seen again it would have wound down: both in transverse
    states, so that with s windings per TR no less than exp(−2 orders TR / (s T2)) is gone. With states weighted by
    exp(n TR / (s T2)) pulses are unitary and precession does not add, so that this factor times what each TR can lose,
    1 + N (1 − exp(−TR / T1)), bounds the sum over all N of them. The shortest and longest TR are used for a train of
    uneven ones. Zero where no state reaches the last order.

    Good values: below 1e-3; true errors are mostly a hundred times smaller.
    """
    wound = train.before.orders + train.after.orders
    count = train.flip.shape[0]
    if count * wound < orders:
        return 0.0
    tr = np.asarray(train.tr, float)
    lost = math.exp(-2 * (orders - wound + 1) * tr.min() / (wound * t2))
    return lost * count * (1 + count * -math.expm1(-tr.max() / t1))


def _dephased(atoms: Atoms, train: Train, tr, te):
    wound = train.before.orders + train.after.orders
    if not wound:
        return 1.0
    return jnp.exp(-jnp.abs(te - tr * (train.before.orders / wound)) / atoms.t2_prime)


def _refuse_mixed_dephasing(atoms: Atoms, train: Train) -> None:
    wound = train.before.orders + train.after.orders
    if wound or not is_concrete(atoms.t2_prime) or not np.any(np.isfinite(np.asarray(atoms.t2_prime))):
        return
    raise InputError(
        "t2_prime is finite and nothing winds in this train, so that states of many dephasing times are in focus together; "
        "spread off_resonance over many atoms instead and add their signals"
    )


def _checkpointed(one, begin, rows):
    """`lax.scan` that keeps the carry every √n steps only for its derivative; rows of zeros fill up the last chunk."""
    count = rows[0].shape[0]
    chunk = max(1, round(math.sqrt(count)))
    chunks = -(-count // chunk)

    def folded(values):
        return jnp.pad(values, (0, chunks * chunk - count)).reshape(chunks, chunk)

    @jax.checkpoint
    def some(carry, part):
        return jax.lax.scan(one, carry, part)

    _, made = jax.lax.scan(some, begin, jax.tree.map(folded, rows))
    return made.reshape(chunks * chunk, -1)[:count]
