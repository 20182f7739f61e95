"""Claim: on the same cores, physim's projector pairs beat ITK-RTK's Joseph, mbirjax's footprint and ASTRA's 2-D fan.

Cone beam n³ voxels, n² flat detector, and a 2-D fan. Peers run in `benchmarks/.peers` (see peers.sh) as processes right
before ours; the best of the repeats counts, and sinograms are compared with ours. GUPS: voxels × views / seconds / 10⁹. The
machine's limits are measured in the same run: `limit` is the share of its multiply-adds that the bare sum needs, two for each
voxel line or voxel that a ray lies between (see peers.md). `--accelerator` runs the 512³ problem on a GPU or TPU.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import report
from peer_projectors import best, volume_of

from physim import ct
from physim_kernels.arithmetic import measure_arithmetic
from physim_kernels.bandwidth import measure_bandwidth
from physim_phantoms import Grid

PEERS = Path(__file__).parent / ".peers" / "bin" / "python"
TO_AXIS, TO_DETECTOR = 1000.0, 1500.0
REPEATS, PEER_REPEATS = 5, 2


def cone(size: int, views: int) -> dict:
    """The pixel at the axis is as fine as a voxel, 1 mm."""
    return {
        "size": size,
        "views": views,
        "pixels": size,
        "pixel_size": TO_DETECTOR / TO_AXIS,
        "to_axis": TO_AXIS,
        "to_detector": TO_DETECTOR,
        "repeats": REPEATS,
    }


def fan(size: int, views: int) -> dict:
    """Enough columns to see the whole slice."""
    return cone(size, views) | {"pixels": 3 * size // 2}


def scanner(problem: dict, flat: bool):
    """Our grid and geometry for a problem."""
    pixel, views = problem["pixel_size"], problem["views"]
    size, pixels = problem["size"], problem["pixels"]
    if flat:
        return Grid((size, size, 1)), ct.fan_beam(views, TO_AXIS, TO_DETECTOR, pixels, pixel)
    return Grid((size,) * 3), ct.circular_cone(views, TO_AXIS, TO_DETECTOR, (pixels, pixels), (pixel, pixel))


def ours(problem: dict, model, flat: bool) -> tuple[dict[str, float], np.ndarray]:
    """Seconds in both directions, and the sinogram."""
    grid, geometry = scanner(problem, flat)
    volume = volume_of(problem["size"], 2 if flat else 3).reshape(grid.shape)
    volume = jnp.asarray(volume)
    sino = ct.project(volume, grid, geometry, model)
    run = {
        "forward": lambda: ct.project(volume, grid, geometry, model).block_until_ready(),
        "transpose": lambda: ct.backproject(sino, grid, geometry, model).block_until_ready(),
    }
    return {name: best(call, problem["repeats"]) for name, call in run.items()}, np.asarray(sino)


def peer(name: str, problem: dict) -> tuple[dict[str, float], np.ndarray]:
    """The same of a peer, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        result = str(Path(folder) / "sinogram.npy")
        request = json.dumps(problem | {"repeats": PEER_REPEATS} | {"peer": name, "result": result})
        script = Path(__file__).with_name("peer_projectors.py")
        made = subprocess.run(
            [str(PEERS), str(script)], input=request, capture_output=True, text=True, check=False
        )
        if made.returncode:
            sys.exit(f"{name} failed:\n{made.stderr[-2000:]}")
        return json.loads(made.stdout), np.load(result)


def against(name: str, problem: dict, model, flat: bool = False) -> dict:
    """One row: the peer, and then physim."""
    row = {"problem": "fan" if flat else "cone", "n": problem["size"], "views": problem["views"]}
    before = peer(name, problem) if PEERS.exists() else None
    own, sino = ours(problem, model, flat)
    work = float(np.prod(scanner(problem, flat)[0].shape)) * problem["views"] / 1e9
    row |= {"model": type(model).__name__}
    row |= {f"{k}_gups": work / v for k, v in own.items()} | {f"{k}_s": v for k, v in own.items()}
    row["transpose_over_forward"] = own["transpose"] / own["forward"]
    if before is not None:
        row["peer"] = name
        for key in own:
            row[f"{key}_ratio"] = before[0][key] / own[key]
        row["peak_ratio"] = float(before[1].max() / sino.max())
        row["total_ratio"] = float(before[1].sum() / sino.sum())
    return row


def with_limit(rows: list[dict], gflops: float) -> list[dict]:
    """Joseph's sum alone: each ray takes 4 voxels (2 in a slice) of n planes, a multiply-add each."""
    for row in rows:
        grid, geometry = scanner(
            {"cone": cone, "fan": fan}[row["problem"]](row["n"], row["views"]), row["problem"] == "fan"
        )
        rays = float(np.prod(geometry.sinogram_shape))
        work = rays * row["n"] * (2 if grid.shape[2] == 1 else 4) * 2 / 1e9
        row |= {f"{name}_limit": work / gflops / row[f"{name}_s"] for name in ("forward", "transpose")}
    return rows


def exponents(rows: list[dict]) -> dict[str, float | None]:
    """The power of voxels × views with which each projector's time grows."""
    made = {}
    for problem, model in dict.fromkeys((row["problem"], row["model"]) for row in rows):
        chosen = [row for row in rows if (row["problem"], row["model"]) == (problem, model)]
        work = [row["n"] ** (2 if problem == "fan" else 3) * row["views"] for row in chosen]
        for name in ("forward", "transpose"):
            made[f"{problem} {model} {name}"] = report.exponent(work, [row[f"{name}_s"] for row in chosen])
    return made


def accelerator(arguments) -> None:
    """512³ voxels, 360 views, 1024 × 768 pixels on whatever JAX runs on."""
    grid = Grid((512,) * 3)
    geometry = ct.circular_cone(360, TO_AXIS, TO_DETECTOR, (768, 1024), (1.5, 1.5))
    volume = jnp.asarray(volume_of(512))
    forward = lambda: ct.project(volume, grid, geometry).block_until_ready()
    sino = forward()
    transpose = lambda: ct.backproject(sino, grid, geometry).block_until_ready()
    row = {"device": str(jax.devices()[0]), "forward_s": best(forward, 3), "transpose_s": best(transpose, 3)}
    report.finish("projectors_accelerator", [row], arguments)


def main() -> None:
    """Runs the sizes and reports."""
    parser = report.parser(__doc__ or "")
    parser.add_argument("--accelerator", action="store_true", help="the large problem, on a GPU or TPU")
    arguments = parser.parse_args()
    if arguments.accelerator:
        accelerator(arguments)
        return
    sizes = [(64, 30)] if arguments.smallest else [(64, 60), (128, 60), (256, 30)]
    slices = [(128, 180)] if arguments.smallest else [(128, 180), (256, 360), (512, 720)]
    rows = [against("rtk", cone(*size), ct.Joseph()) for size in sizes]
    rows += [against("mbirjax", cone(*size), ct.DistanceDriven()) for size in sizes]
    rows += [against("astra", fan(*size), ct.Joseph(), flat=True) for size in slices]
    gflops = measure_arithmetic()
    limits = {"bandwidth_gb_per_s": measure_bandwidth(), "gflop_per_s": gflops, "exponents": exponents(rows)}
    report.finish("projectors", with_limit(rows, gflops), arguments, **limits)


if __name__ == "__main__":
    main()
