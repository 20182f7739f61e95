"""blochsim's dictionary: started by `fingerprints.py` with the interpreter of `benchmarks/.peers`.

Reads {"file", "orders", "threads", "repeats"} as JSON on standard input, where `file` (.npz) has t1, t2, flip (s and rad) and tr;
prints {"seconds": best of the repeats} and saves the signals beside the file.
"""

import json
import sys
import time

import numpy as np


def main() -> None:
    import torch
    from blochsim.simulators import MRFSimulator

    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    given = np.load(request["file"])
    t1, t2, flip = (torch.tensor(given[name], dtype=torch.float32) for name in ("t1", "t2", "flip"))
    train = MRFSimulator(flip=torch.rad2deg(flip), TR=float(given["tr"]) * 1e3, states=request["orders"])
    with torch.no_grad():
        seconds = []
        for _ in range(request["repeats"] + 2):
            start = time.perf_counter()
            signals = train.simulate(T1=1e3 * t1, T2=1e3 * t2)
            seconds.append(time.perf_counter() - start)
    np.save(request["file"] + ".npy", signals.numpy())
    print(json.dumps({"seconds": min(seconds[2:])}))


if __name__ == "__main__":
    main()
