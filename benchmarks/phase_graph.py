"""Claim: balanced SSFP of 64 x 64 and 64 TR with T2', B0 and B1 at 1 % of a converged image in 0.7 s on two cores; MRzero's
default takes about 5 s for 11 %.

MRzero runs in `benchmarks/.peers` (see peers.sh) as a process right before physim, on as many threads, with the same voxels
and the Pulseq file that physim writes of the sequence. Errors are of complex images: of physim's phase graphs and isochromats
against the phase graph at the finest tolerance, of MRzero against its own finest accuracy; and that one against physim's,
after one complex factor for both whole images. Times are of warm calls, MRzero's of graph and signal, physim's graph apart.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import report

from physim import mri
from physim.mri.lattice import lattice

PEERS = Path(__file__).parent / ".peers" / "bin" / "python"
VIEW, THICKNESS, REPEATS = 200.0, 4.0, 3
TOLERANCES = (5e-2, 1e-2, 1e-3, 1e-6)
ACCURACIES = (1e-1, 1e-2, 1e-3, 1e-5)
PER_VOXEL = (1, 16, 61)
SCANNER = mri.Scanner()


def disc(matrix: int) -> dict[str, np.ndarray]:
    """Voxels of three tissues in an uneven field, each value one per voxel."""
    step = VIEW / matrix
    axis = (np.arange(matrix) - matrix // 2) * step
    x, y = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    place = np.stack([x, y, 0 * x], 1)[np.hypot(x, y) < 0.45 * VIEW]
    tissue = ((place[:, 0] > 0) + (place[:, 1] > 0.1 * VIEW)).astype(int)
    return {
        "position": place,
        "pd": np.random.default_rng(0).uniform(0.7, 1.0, 3)[tissue],
        "t1": np.array([1.3, 0.85, 4.0])[tissue],
        "t2": np.array([0.09, 0.07, 1.5])[tissue],
        "t2_prime": np.array([0.06, 0.05, 0.5])[tissue],
        "off_resonance": 20 * np.sin(place[:, 0] / 40) + 10 * np.cos(place[:, 1] / 30),
        "b1": 1 + 0.1 * np.cos(place[:, 0] / 50),
    }


def isochromats(values: dict[str, np.ndarray], size: np.ndarray, per_voxel: int) -> mri.Isochromats:
    """The same voxels as points."""
    points = lattice(per_voxel)
    each = {name: np.repeat(value, per_voxel, axis=0) for name, value in values.items()}
    count = len(values["pd"])
    each["position"] = each["position"] + np.tile(points[:, :3] * size, (count, 1))
    each["pd"] = each["pd"] / per_voxel
    return mri.Isochromats(**each, quantile=np.tile(points[:, 3] + 0.5, count))


def image(signal: np.ndarray, matrix: int) -> np.ndarray:
    """The complex image of a fully sampled plane, a line for each TR."""
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(signal.reshape(matrix, matrix))))


def peer(
    values: dict[str, np.ndarray], size: np.ndarray, sequence: mri.Sequence
) -> tuple[list[float], np.ndarray]:
    """Seconds and signals of MRzero for all accuracies, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file, played = str(Path(folder) / "voxels.npz"), str(Path(folder) / "sequence.seq")
        # Its reader wants a field of view of three numbers, where physim's planes have two.
        mri.write_pulseq(mri.Sequence(list(sequence), {}), played)
        in_metres = {"position": 1e-3 * values["position"], "size": 1e-3 * size}
        np.savez(file, **{**values, **in_metres})
        request = {
            "file": file,
            "sequence": played,
            "accuracies": ACCURACIES,
            "threads": os.cpu_count() or 1,
            "repeats": REPEATS,
        }
        script = Path(__file__).with_name("peer_mrzero.py")
        made = subprocess.run(
            [str(PEERS), str(script)], input=json.dumps(request), capture_output=True, text=True, check=False
        )
        if made.returncode:
            sys.exit(f"MRzero failed:\n{made.stderr[-2000:]}")
        return json.loads(made.stdout.splitlines()[-1])["seconds"], np.load(file + ".npy")


def best(run) -> tuple[float, np.ndarray]:
    """The shortest of some warm calls, and what they give."""
    made = np.asarray(run())[0]
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run().block_until_ready()
        seconds.append(time.perf_counter() - start)
    return min(seconds), made


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """The difference of two images relative to the second."""
    return float(np.linalg.norm(first - second) / np.linalg.norm(second))


def ours(values: dict[str, np.ndarray], size: np.ndarray, sequence: mri.Sequence, matrix: int):
    """Rows of phase graphs and isochromats, and the converged image."""
    program = mri.compile_sequence(sequence)
    rows, images = [], []
    for tolerance in TOLERANCES:
        spins = mri.PhaseGraph(**values, size=size, tolerance=tolerance)
        mri.configuration_graph(spins, program, SCANNER)
        start = time.perf_counter()
        graph = mri.configuration_graph(spins, program, SCANNER)
        host = time.perf_counter() - start
        seconds, signal = best(lambda spins=spins, graph=graph: mri.simulate(spins, graph, SCANNER))
        images.append(image(signal, matrix))
        stated = float(graph.truncation_error)
        rows.append(
            {"what": f"phase graph {tolerance:g}", "seconds": seconds, "graph_s": host, "stated": stated}
        )
    for per_voxel in PER_VOXEL:
        spins = isochromats(values, size, per_voxel)
        seconds, signal = best(lambda spins=spins: mri.simulate(spins, program, SCANNER))
        images.append(image(signal, matrix))
        rows.append({"what": f"{per_voxel} isochromats per voxel", "seconds": seconds})
    converged = images[len(TOLERANCES) - 1]
    return [row | {"error": apart(one, converged)} for row, one in zip(rows, images, strict=True)], converged


def theirs(values: dict[str, np.ndarray], size: np.ndarray, sequence: mri.Sequence, matrix: int, converged):
    """Rows of MRzero."""
    seconds, signals = peer(values, size, sequence)
    images = [image(signal, matrix) for signal in signals]
    rows = []
    for accuracy, spent, one in zip(ACCURACIES, seconds, images, strict=True):
        # Both may turn the other way round, and a receiver has any phase and gain.
        fitted = [
            other * np.vdot(other, converged) / np.vdot(other, other) for other in (one, _mirrored(one))
        ]
        rows.append(
            {
                "what": f"MRzero {accuracy:g}",
                "seconds": spent,
                "error": apart(one, images[-1]),
                "to_physim": min(apart(other, converged) for other in fitted),
            }
        )
    return rows


def _mirrored(one: np.ndarray) -> np.ndarray:
    """The image of the conjugate of the samples."""
    return np.conj(np.roll(one[::-1, ::-1], 1, (0, 1)))


def main() -> None:
    arguments = report.options(__doc__ or "")
    rows = []
    for matrix in (16,) if arguments.smallest else (16, 32, 64):
        sequence = mri.sequences.balanced_ssfp(
            (matrix, matrix), (VIEW, VIEW), math.radians(40), tr=5e-3, region=mri.sequences.Whole()
        )
        size = np.array([VIEW / matrix, VIEW / matrix, THICKNESS])
        values = disc(matrix)
        mine, converged = ours(values, size, sequence, matrix)
        peers = theirs(values, size, sequence, matrix, converged) if PEERS.exists() else []
        rows += [{"matrix": matrix, "voxels": len(values["pd"])} | row for row in peers + mine]
    report.finish("phase_graph", rows, arguments)


if __name__ == "__main__":
    main()
