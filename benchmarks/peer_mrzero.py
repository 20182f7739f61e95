"""MRzero's phase distribution graphs: started by `phase_graph.py` with the interpreter of `benchmarks/.peers`.

Reads {"file", "sequence", "accuracies", "threads", "repeats"} as JSON on standard input, where `file` (.npz) has position (m),
pd, t1, t2, t2_prime (s), off_resonance (Hz), b1 and size (m), and `sequence` is a Pulseq file; prints for each accuracy the
best time of graph and signal together (of one call where that takes more than 20 s), and saves the signals beside the file.

MRzeroCore is AGPL: it is run here as a program, nothing of it is in physim.
"""

import json
import sys
import time

import numpy as np

LONG = 20.0  # seconds, after which a call is not repeated


def main() -> None:
    import MRzeroCore
    import torch

    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    given = np.load(request["file"])
    value = lambda name: torch.tensor(given[name], dtype=torch.float32)
    sequence = MRzeroCore.Sequence.import_file(request["sequence"])
    phantom = MRzeroCore.CustomVoxelPhantom(
        value("position"),
        value("pd"),
        value("t1"),
        value("t2"),
        value("t2_prime"),
        torch.zeros(len(given["pd"])),
        value("off_resonance"),
        value("b1"),
        voxel_size=value("size"),
        voxel_shape="box",
    )
    data = phantom.build()
    made, seconds = [], []
    for accuracy in request["accuracies"]:
        times, signal = [], None
        for _ in range(request["repeats"]):
            start = time.perf_counter()
            # As its own convenience function does: both thresholds of the second pass are the accuracy.
            graph = MRzeroCore.compute_graph(
                sequence, data, max_state_count=10_000, min_state_mag=1e-2 * accuracy
            )
            with torch.no_grad():
                signal = MRzeroCore.execute_graph(
                    graph, sequence, data, accuracy, accuracy, print_progress=False
                )
            times.append(time.perf_counter() - start)
            if times[-1] > LONG:  # its first call is as warm as any other here: there is nothing to compile
                break
        seconds.append(min(times))
        made.append(np.asarray(signal).ravel())
    np.save(request["file"] + ".npy", np.array(made))
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
