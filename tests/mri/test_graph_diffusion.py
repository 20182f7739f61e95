"""Diffusion in phase graphs: bipolar and twice-refocused trapezoids against exp(−b D), b of our own exact sum."""

import numpy as np
import pytest

from physim import mri
from physim.mri.configuration.diffusing import diffusivity_of
from tests.helper import unchecked
from tests.mri.instant import instant
from tests.mri.precisions import SLOW, float32_quickly

GAMMA = 42.577478518  # Hz/mm per mT/m
MS = 10**9
ALONG = np.array([0.8, -0.6, 0.3])
DIFFUSIVITY = np.array([0.3e-3, 1e-3, 2.2e-3])


def lobe(amplitude: float, rise: float, flat: float) -> mri.Block:
    """A trapezoid on three axes at once, its times in ms."""
    edges = (round(rise * MS), round(flat * MS), round(rise * MS))
    x, y, z = (mri.Trapezoid(part * amplitude, *edges) for part in ALONG)
    return mri.block(gx=x, gy=y, gz=z)


def turn() -> mri.Block:
    return mri.Block(1000, rf=instant(np.pi, np.pi / 2, mri.Use.REFOCUSING))


def rest(milliseconds: float) -> mri.Block:
    return mri.Block(round(milliseconds * MS))


BIPOLAR = [lobe(60.0, 1.5, 9.0), rest(14.0), lobe(-60.0, 1.5, 9.0), rest(3.0)]
# Reese et al., Magn. Reson. Med. 49 (2003) 177: lobes of four lengths about two pulses, an echo where k is 0 again.
TWICE = [
    *(lobe(90.0, 1.0, 5.0), rest(0.5), turn(), rest(0.5), lobe(90.0, 1.0, 11.0), rest(1.0)),
    *(lobe(-90.0, 1.0, 11.0), rest(0.5), turn(), rest(0.5), lobe(-90.0, 1.0, 5.0), rest(2.0)),
]
ONCE = [lobe(60.0, 2.0, 7.0), rest(6.0), turn(), rest(11.0), lobe(60.0, 2.0, 7.0), rest(1.0)]


def weighting(blocks) -> tuple[float, np.ndarray]:
    """b in s/mm², and k at the end: k² of every piece by Gauss's rule, which is exact for the parabolas of a ramp."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    direction = GAMMA * ALONG
    k, b = np.zeros(3), 0.0
    for one in blocks:
        if one.rf is not None:
            k = -k
            continue
        height = one.gx.amplitude / ALONG[0] if one.gx is not None else 0.0
        rise, flat = (
            (one.gx.rise / 1e12, one.gx.flat / 1e12) if one.gx is not None else (0.0, one.duration / 1e12)
        )
        for length, start, stop in ((rise, 0.0, height), (flat, height, height), (rise, height, 0.0)):
            t = length * (nodes + 1) / 2
            slope = (stop - start) / length if length else 0.0
            path = k + np.outer(start * t + slope * t**2 / 2, direction)
            b += (2 * np.pi) ** 2 * length / 2 * weights @ (path**2).sum(1)
            k = k + direction * length * (start + stop) / 2
    return b, k


@float32_quickly
@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize(
    "blocks",
    [pytest.param(BIPOLAR, marks=SLOW), TWICE, pytest.param(ONCE, marks=SLOW)],
    ids=["bipolar", "twice refocused", "once refocused"],
)
def test_echoes_of_trapezoids_decay_as_their_b_says(blocks):
    b, end = weighting(blocks)
    assert np.abs(end).max() < 1e-12
    adc = mri.Block(2000, adc=mri.Adc(1, 2000))
    sequence = mri.Sequence([mri.Block(1000, rf=instant(np.pi / 2)), *blocks, adc])
    assert mri.b_matrix(sequence).trace() == pytest.approx(b, rel=1e-6)
    voxels = [mri.PhaseGraph(np.zeros((1, 3)), 2.0, diffusivity=one, tolerance=1e-7) for one in DIFFUSIVITY]
    got = [abs(np.asarray(mri.simulate(one, sequence, mri.Scanner()))[0, -1]) for one in voxels]
    truth = np.exp(-b * DIFFUSIVITY)
    assert truth[0] > 0.5 > truth[-1]
    assert np.abs(np.array(got) / truth - 1).max() < 1e-4


def sided(x: float, y: float, z: float) -> mri.Block:
    """A lobe of 3 ms with a flat of 2, of its own strength on each axis."""
    gx, gy, gz = (mri.Trapezoid(one, MS // 2, 2 * MS, MS // 2) for one in (x, y, z))
    return mri.block(gx=gx, gy=gy, gz=gz)


def crossed() -> mri.Sequence:
    """Gradients that cross in time, so that B has six parts of their own, and a stimulated echo's storage between."""
    before, behind = sided(90.0, 20.0, 0.0), sided(10.0, -70.0, 50.0)
    halves = [before, behind, rest(1.0)]
    adc = mri.Block(2000, adc=mri.Adc(1, 2000))
    quarter = mri.Block(1000, rf=instant(np.pi / 2))
    return mri.Sequence([quarter, *halves, turn(), *halves, adc])


def tensor(values, seed: int) -> np.ndarray:
    """A tensor of these eigenvalues, turned anyhow."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))
    return axes @ np.diag(values) @ axes.T


TENSORS = np.stack([tensor((1.7e-3, 3e-4, 3e-4), 0), tensor((2.2e-3, 1e-3, 1e-4), 1), np.eye(3) * 1e-3])


def signal_of(diffusivity) -> complex:
    voxel = mri.PhaseGraph(np.zeros((1, 3)), 2.0, diffusivity=diffusivity, tolerance=1e-7)
    return np.asarray(mri.simulate(voxel, crossed(), mri.Scanner()))[0, -1]


@pytest.mark.usefixtures("x64")
def test_tensors_weigh_the_whole_b_matrix():
    b = mri.b_matrix(crossed())
    assert np.abs(b[0, 1]) > 0.1 * b[0, 0]
    for one in TENSORS:
        assert abs(signal_of(one)) == pytest.approx(np.exp(-np.sum(b * one)), rel=1e-4)
    assert signal_of(TENSORS[2]) == pytest.approx(signal_of(1e-3), rel=1e-9)


@pytest.mark.usefixtures("x64")
def test_storage_between_pulses_weighs_along_its_k():
    """A stimulated echo: what is stored keeps its k, and loses exp(−(2π)² kᵀDk TM)."""
    lobe_, storage = sided(40.0, -25.0, 10.0), 400.0
    quarter = mri.Block(1000, rf=instant(np.pi / 2))
    adc = mri.Block(2000, adc=mri.Adc(1, 2000))

    def echo(milliseconds, diffusivity):
        blocks = [quarter, lobe_, quarter, rest(milliseconds), quarter, lobe_, adc]
        voxel = mri.PhaseGraph(np.zeros((1, 3)), 2.0, diffusivity=diffusivity, tolerance=1e-7)
        return abs(np.asarray(mri.simulate(voxel, mri.Sequence(blocks), mri.Scanner()))[0, -1])

    k = GAMMA * 2.5e-3 * np.array([40.0, -25.0, 10.0])
    rate = (2 * np.pi) ** 2 * k @ TENSORS[1] @ k
    assert 0.3 < rate * storage / 1e3 < 3
    lost = echo(5.0 + storage, TENSORS[1]) / echo(5.0, TENSORS[1])
    assert lost == pytest.approx(np.exp(-rate * storage / 1e3), rel=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.eye(3) * -1e-3, "eigenvalues"),
        (np.array([[1e-3, 1e-4, 0], [0, 1e-3, 0], [0, 0, 1e-3]]), "not symmetric"),
        (np.full((3, 3), np.nan), "diffusivity"),
        (-1.0, "diffusivity"),
    ],
)
def test_impossible_diffusivities_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        mri.PhaseGraph(np.zeros((1, 3)), 2.0, diffusivity=given)


def test_tensors_for_other_voxels_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\)"):
        unchecked(diffusivity_of)(np.zeros((2, 3, 3)), 1)


def test_a_graph_of_numbers_does_not_serve_tensors():
    voxel = mri.PhaseGraph(np.zeros((1, 3)), 2.0, diffusivity=1e-3)
    graph = mri.configuration_graph(voxel, crossed(), mri.Scanner())
    other = mri.PhaseGraph(np.zeros((1, 3)), 2.0, diffusivity=np.eye(3) * 1e-3)
    with pytest.raises(ValueError, match="make it anew"):
        mri.simulate(other, graph, mri.Scanner())
