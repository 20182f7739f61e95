"""Steady states of prepared trains: MPRAGE along its train, and the null of fluid ahead of a long train of echoes."""

import numpy as np
import pytest

from physim import mri
from tests.mri.builders import S, middles

POINT = np.zeros((1, 3))
INVERT = S.hard_pulse(np.pi, 1e-6, use=mri.Use.INVERSION)


def excited_from(sequence: mri.Sequence, spins: mri.Isochromats, flip: float) -> np.ndarray:
    """Mz ahead of every excitation: what is left of it behind, over cos(flip)."""
    after = np.asarray(mri.magnetisation(spins, mri.compile_sequence(sequence)))[2, :, 0]
    uses = [one.rf.use for one in sequence if one.rf is not None]
    return after[[use is mri.Use.EXCITATION for use in uses]] / np.cos(flip)


@pytest.mark.usefixtures("precision")
def test_mprage_along_its_train():
    """Deichmann and Haase, J. Magn. Reson. 96 (1992) 608: an exponential towards M₀ (1 − E1) / (1 − E1 cos α).

    The train's start is the fixed point of inversion, delay, train and recovery; nothing transverse lives long enough.
    """
    t1, flip, spacing, tr, ti, count = 0.9, 0.2, 8e-3, 0.6, 0.15, 12
    sequence = S.magnetisation_prepared_gradient_echo(
        *((4, 8, count), (200.0, 160.0, 120.0)),
        flip,
        tr,
        ti,
        inversion=INVERT,
        region=S.Whole(1e-6),
        dummies=4,
    )
    got = excited_from(sequence, mri.Isochromats(POINT, t1=t1, t2=0.8e-3), flip).reshape(-1, count)[-1]
    inverted, excited = middles(sequence, mri.Use.INVERSION)[-1], middles(sequence).reshape(-1, count)[-1]
    e1 = np.exp(-spacing / t1)
    rest, each = (1 - e1) / (1 - e1 * np.cos(flip)), e1 * np.cos(flip)
    delay = np.exp(-(excited[0] - inverted) / t1)
    recovery = np.exp(-(tr - (excited[-1] - inverted)) / t1)
    whole = each ** (count - 1)
    # Mz ahead of the first pulse, m: ahead of the last it is rest + (m − rest) whole, then one more pulse, recovery, inversion.
    a = -delay * recovery * np.cos(flip) * whole
    b = 1 - delay - delay * (1 - recovery + recovery * np.cos(flip) * rest * (1 - whole))
    first = b / (1 - a)
    assert (
        np.abs(got - (rest + (first - rest) * each ** np.arange(count))).max() < 3e-4
    )  # T2 takes 6·10⁻⁴ of the inversion
    assert abs(excited[count // 2] - inverted - ti) < 1e-12


@pytest.mark.usefixtures("precision")
def test_null_of_fluid_with_a_long_train_of_echoes():
    """TI = T1 [ln 2 − ln(1 + exp(−(TR − t_last) / T1))], t_last the end of the train: Bydder and Young, J. Comput. Assist.
    Tomogr. 9 (1985) 659; 180° pulses keep Mz near zero until their train ends."""
    t1, tr, spacing, train = 4.3, 9.0, 10e-3, 24
    last = (train - 0.5) * spacing
    # Between pulses Mz recovers and is inverted: of pairs only what the second interval has more than the first is left.
    ti = round(t1 * (np.log(2) - np.log1p(np.exp(-(tr - last) / t1))), 5)
    sequence = S.turbo_spin_echo(
        *((4, 3 * train), (200.0, 160.0)),
        te=spacing * 12,
        tr=tr,
        echo_train=train,
        region=S.Whole(2e-6),
        preparation=S.Inversion(ti, INVERT),
    )
    spins = mri.Isochromats(POINT, t1=t1, t2=1e-3)
    after = np.asarray(mri.magnetisation(spins, mri.compile_sequence(sequence)))[:, :, 0]
    uses = [one.rf.use for one in sequence if one.rf is not None]
    transverse = np.hypot(*after[:2])[[use is mri.Use.EXCITATION for use in uses]]
    assert transverse[0] > 0.01  # the first shot comes from equilibrium
    assert np.abs(transverse[1:]).max() < 2e-3
