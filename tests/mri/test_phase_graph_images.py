"""Phase graphs against bundles of isochromats that are exact in space: images, slices, T2', pruning, derivatives, patients."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from physim_phantoms import Grid, Phantom
from tests.helper import assert_gradient, nrmse

SCANNER = mri.Scanner()
S = mri.sequences
VIEW = (64.0, 48.0)
SIZE = np.array([8.0, 8.0, 1e-3])


def values_of(height: float = 0.0) -> dict[str, Any]:
    """Voxels here and there of an 8 x 6 matrix, thin along z."""
    rng = np.random.default_rng(5)
    place = np.array([[-2, -1], [-1, 0], [0, 1], [1, 1], [2, -2]]) * SIZE[:2]
    return {
        "position": np.concatenate([place, np.full((5, 1), height)], axis=1),
        "pd": rng.uniform(0.5, 1, 5),
        "t1": rng.uniform(0.4, 1.5, 5),
        "t2": rng.uniform(0.03, 0.2, 5),
        "off_resonance": rng.normal(0, 10, 5),
        "b1": rng.uniform(0.8, 1.1, 5),
    }


def in_space(values: dict[str, Any], nodes: tuple[int, int]) -> mri.Isochromats:
    """Every voxel as Gauss-Legendre nodes along x and y: exact for as many half cycles as there are nodes, and some."""
    (x, wx), (y, wy) = (np.polynomial.legendre.leggauss(n) for n in nodes)
    offsets = np.stack([*(a.ravel() for a in np.meshgrid(x, y, indexing="ij")), np.zeros(x.size * y.size)], 1)
    weights = np.outer(wx, wy).ravel() / 4
    each = {name: np.repeat(value, len(weights), axis=0) for name, value in values.items()}
    each["position"] = each["position"] + np.tile(offsets * SIZE / 2, (5, 1))
    each["pd"] = each["pd"] * np.tile(weights, 5)
    return mri.Isochromats(**each)


def spoiled(region) -> mri.Sequence:
    return S.spoiled_gradient_echo(
        (8, 6), VIEW, np.deg2rad(35), tr=14e-3, te=6e-3, region=region, dwell=25e-6
    )


def test_spoiled_echoes_of_a_slice_and_their_truncation():
    sequence = spoiled(S.Slice(5.0))
    values = values_of(height=1.2)
    truth = np.asarray(mri.simulate(in_space(values, (150, 10)), sequence, SCANNER))[0]
    errors, stated = [], []
    for tolerance in (1e-5, 1e-2, 5e-2):
        spins = mri.PhaseGraph(**values, size=SIZE, tolerance=tolerance)
        graph = mri.configuration_graph(spins, sequence, SCANNER)
        errors.append(nrmse(np.asarray(mri.simulate(spins, graph, SCANNER))[0], truth))
        stated.append(float(graph.truncation_error))
        assert stated[-1] <= tolerance * 1.001
    assert errors[0] < 5e-5
    assert graph.left_out > 0
    # An estimate: within a factor of three of what happens, on both sides.
    for error, told in zip(errors[1:], stated[1:], strict=True):
        assert error / 3 < told < 3 * error


def test_turbo_spin_echoes_with_crushers_and_stimulated_echoes():
    sequence = S.turbo_spin_echo(
        (8, 6),
        VIEW,
        te=12e-3,
        tr=0.2,
        echo_train=3,
        echo_spacing=12e-3,
        refocusing=np.deg2rad(130),
        region=S.Whole(),
    )
    values = values_of()
    truth = np.asarray(mri.simulate(in_space(values, (120, 10)), sequence, SCANNER))[0]
    spins = mri.PhaseGraph(**values, size=SIZE, tolerance=1e-5)
    assert nrmse(np.asarray(mri.simulate(spins, sequence, SCANNER))[0], truth) < 1e-4


def test_balanced_echoes_dephase_by_t2_prime():
    sequence = S.balanced_ssfp((8, 6), VIEW, np.deg2rad(50), tr=6e-3, dwell=25e-6)
    values = {"t1": 0.5, "t2": 0.1, "t2_prime": 0.02, "off_resonance": 15.0}
    place = np.array([[3.0, -2.0, 0.0]])
    count = 60_000
    quantile = (np.arange(count) + 0.5) / count
    many = mri.Isochromats(np.repeat(place, count, axis=0), pd=1 / count, quantile=quantile, **values)
    truth = np.asarray(mri.simulate(many, sequence, SCANNER))[0]
    spins = mri.PhaseGraph(place, 1e-3, tolerance=1e-5, **values)
    assert nrmse(np.asarray(mri.simulate(spins, sequence, SCANNER))[0], truth) < 1e-3


@pytest.mark.usefixtures("x64")
def test_derivatives_in_tissue_and_flip_angle():
    sequence = S.spoiled_gradient_echo(
        (4, 3), VIEW, np.deg2rad(35), tr=14e-3, te=6e-3, region=S.Whole(), dwell=25e-6
    )
    more: dict[str, Any] = {"t2_prime": np.full(5, 0.05), "diffusivity": np.full(5, 2e-3)}
    values = values_of() | more
    graph = mri.configuration_graph(mri.PhaseGraph(**values, size=SIZE), sequence, SCANNER)
    names = ("pd", "t1", "t2", "off_resonance", "b1", "t2_prime", "diffusivity")
    scales = (1.0, 1.0, 0.1, 10.0, 1.0, 0.05, 1e-2)
    weights = np.random.default_rng(1).standard_normal(12)
    flip = graph.program.shapes[0].amplitudes

    def loss(change):
        moved: dict[str, Any] = {
            n: values[n] + s * c for n, s, c in zip(names, scales, change[:7], strict=True)
        }
        played = eqx.tree_at(lambda g: g.program.shapes[0].amplitudes, graph, flip * (1 + change[7, :1]))
        made = mri.simulate(mri.PhaseGraph(**values | moved, size=SIZE), played, SCANNER, mri.Direct())[0]
        return (weights * made.real + weights[::-1] * made.imag).sum()

    assert_gradient(loss, jnp.zeros((8, 5)), tolerance=1e-6, step=1e-4, directions=2)


def test_a_patient_scanned_by_phase_graphs():
    grid = Grid((8, 6, 1), (8.0, 8.0, 5.0))
    water = np.zeros(grid.shape, np.float32)
    water[2:6, 1:5] = 1.0
    patient = Phantom.from_fractions(grid, {"grey_matter": water})
    scanner = mri.Scanner(noise=0.0, transmit=mri.NominalTransmit(0.9))
    sequence = S.balanced_ssfp((8, 6), VIEW, np.deg2rad(40), tr=6e-3, dwell=25e-6)
    scan = lambda **spins: mri.scan(patient, sequence, scanner, jax.random.key(0), **spins)
    made = np.asarray(scan(spins=mri.voxels_in(patient, scanner)).samples)
    truth = np.asarray(scan(per_voxel=1021).samples)
    assert made.shape == truth.shape == (8, 6, 1)
    assert nrmse(made, truth) < 0.01
    with pytest.raises(ValueError, match="leave spins away"):
        mri.scan(
            patient,
            mri.SpinEcho(tr=1.0, te=0.02),
            scanner,
            jax.random.key(0),
            spins=mri.voxels_in(patient, scanner),
        )
