"""Steady states of two exchanging liquid pools: the matrices of EPG-X (Malik et al., Magn. Reson. Med. 80 (2018) 767).

Those of a semisolid pool are in test_pools.py.
"""

import numpy as np
import pytest
from scipy.linalg import expm

from physim import mri
from tests.mri.instant import pause, pulse, read
from tests.mri.mcconnell import PPM, liquids, longitudinal

SCANNER = mri.Scanner()
ONE = np.zeros((1, 3))
FRACTION, EXCHANGE = 0.2, 25.0


def pools(t2: tuple[float, float], shift: float = 0.0, off_resonance: float = 0.0) -> mri.Pools:
    second = mri.Liquid(0.4, t2[1], shift)
    return mri.Pools(
        *(ONE, 1.0, 1.1, t2[0]),
        second=second,
        fraction=FRACTION,
        exchange=EXCHANGE,
        off_resonance=off_resonance,
    )


@pytest.mark.usefixtures("precision")
def test_spoiled_echoes():
    """ssSPGR_BM: S = sin α · 1ᵀ (I − exp(Λ TR) cos α)⁻¹ (I − exp(Λ TR)) M₀; T2 is so short that nothing transverse is left."""
    flip, tr, t2 = 0.35, 12e-3, 2e-4
    a, rest = longitudinal((1.1, 0.4), FRACTION, EXCHANGE)
    recover = expm(a * tr)
    before = np.linalg.solve(np.eye(2) - recover * np.cos(flip), (np.eye(2) - recover) @ rest)
    blocks = [pulse(flip), read(), pause(tr - 3e-9)] * 500
    got = np.asarray(mri.simulate(pools((t2, t2)), mri.Sequence(blocks), SCANNER))[0, -1]
    assert abs(got * np.exp(1.5e-9 / t2) - 1j * np.sin(flip) * before.sum()) < 1e-5


@pytest.mark.usefixtures("precision")
def test_balanced_echoes():
    """ssSSFP_BM: the fixed point of pulse and free precession with exchange of six components, off resonance."""
    flip, tr, shift, f = 0.5, 6e-3, 0.4, 22.0
    t2 = (0.08, 0.03)
    a = liquids(0.0, 0.0, 2 * np.pi * f, 2 * np.pi * shift * PPM * 3, (1.1, 0.4), t2, FRACTION, EXCHANGE)
    c, s = np.cos(flip), np.sin(flip)
    turn = np.eye(7)
    for first in (0, 3):
        turn[first + 1 : first + 3, first + 1 : first + 3] = [[c, s], [-s, c]]
    step = turn @ expm(a * tr)
    steady = np.linalg.solve(np.eye(6) - step[:6, :6], step[:6, 6])
    blocks = [pulse(flip), pause(tr - 1e-9)] * 900 + [pulse(flip)]
    program = mri.compile_sequence(mri.Sequence(blocks))
    m = np.asarray(mri.magnetisation(pools(t2, shift, f), program))[:, -1, 0]
    assert np.abs(m - steady).max() < 1e-5
