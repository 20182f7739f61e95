"""One peer, one problem: started by `projectors.py` with the interpreter of `benchmarks/.peers`.

Reads {"peer", "size", "views", "pixels", "pixel_size", "to_axis", "to_detector", "repeats", "result"} as JSON on standard input;
prints {"forward": seconds, "transpose": seconds}, each the best of the repeats, and saves the sinogram for comparison.
The volume is the same everywhere: `volume_of(size)`, voxels of 1 mm.
"""

import json
import os
import sys
import time

import numpy as np


def volume_of(size: int, dimensions: int = 3) -> np.ndarray:
    """A ball with a bump, [x, y, z] or [x, y], float32."""
    axes = np.meshgrid(*([np.arange(size) - (size - 1) / 2] * dimensions), indexing="ij", sparse=True)
    radius = sum(a**2 for a in axes) / (0.4 * size) ** 2
    shifted = sum((a - 0.1 * size) ** 2 for a in axes) / (0.1 * size) ** 2
    return (np.exp(-(radius**4)) + np.exp(-shifted)).astype(np.float32)


def best(run, repeats: int) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def rtk(problem):
    """Joseph's pair of ITK-RTK on the CPU, all threads."""
    import itk
    from itk import RTK

    size, views, pixels = problem["size"], problem["views"], problem["pixels"]
    kind = itk.Image[itk.F, 3]
    geometry = RTK.ThreeDCircularProjectionGeometry.New()
    for view in range(views):
        geometry.AddProjection(problem["to_axis"], problem["to_detector"], 360.0 * view / views)

    def empty(shape, spacing):
        source = RTK.ConstantImageSource[kind].New()
        source.SetOrigin([-0.5 * (n - 1) * s for n, s in zip(shape, spacing, strict=True)])
        source.SetSpacing(spacing)
        source.SetSize(shape)
        source.SetConstant(0.0)
        source.Update()
        return source.GetOutput()

    stack = empty([pixels, pixels, views], [problem["pixel_size"]] * 2 + [1.0])
    volume = itk.image_from_array(np.ascontiguousarray(volume_of(size)))
    volume.SetOrigin([-0.5 * (size - 1)] * 3)

    def pair(name, first, second):
        filter_ = getattr(RTK, name)[kind, kind].New()
        filter_.InPlaceOff()  # or it would consume its first input and could not run again
        filter_.SetGeometry(geometry)
        filter_.SetInput(0, first)
        filter_.SetInput(1, second)
        return filter_

    forward = pair("JosephForwardProjectionImageFilter", stack, volume)
    forward.Update()
    sinogram = itk.array_from_image(forward.GetOutput())
    backward = pair("JosephBackProjectionImageFilter", empty([size] * 3, [1.0] * 3), forward.GetOutput())

    def again(filter_):
        filter_.Modified()
        filter_.Update()

    return lambda: again(forward), lambda: again(backward), sinogram


def mbirjax(problem):
    """The separable-footprint pair of mbirjax on the CPU."""
    import mbirjax

    views, pixels, size = problem["views"], problem["pixels"], problem["size"]
    angles = np.linspace(0, 2 * np.pi, views, endpoint=False)
    model = mbirjax.ConeBeamModel(
        (views, pixels, pixels),
        angles,
        source_detector_dist=problem["to_detector"],
        source_iso_dist=problem["to_axis"],
    )
    pitch = problem["pixel_size"]
    model.set_params(
        recon_shape=(size,) * 3, delta_voxel=1.0, delta_det_channel=pitch, delta_det_row=pitch, verbose=0
    )
    volume = volume_of(size)
    sinogram = np.asarray(model.forward_project(volume))
    ready = lambda made: made.block_until_ready() if hasattr(made, "block_until_ready") else made
    return (
        lambda: ready(model.forward_project(volume)),
        lambda: ready(model.back_project(sinogram)),
        sinogram,
    )


def astra(problem):
    """ASTRA's Joseph ("linear") or line kernel for a flat fan on the CPU."""
    import astra

    size, views, pixels = problem["size"], problem["views"], problem["pixels"]
    volume_geometry = astra.create_vol_geom(size, size)
    angles = np.linspace(0, 2 * np.pi, views, endpoint=False)
    behind = problem["to_detector"] - problem["to_axis"]
    geometry = astra.create_proj_geom(
        "fanflat", problem["pixel_size"], pixels, angles, problem["to_axis"], behind
    )
    projector = astra.create_projector("line_fanflat", geometry, volume_geometry)
    volume = np.ascontiguousarray(volume_of(size, 2).T[::-1])
    identifier, sinogram = astra.create_sino(volume, projector)
    astra.data2d.delete(identifier)

    def forward():
        made, _ = astra.create_sino(volume, projector)
        astra.data2d.delete(made)

    def transpose():
        made, _ = astra.create_backprojection(sinogram, projector)
        astra.data2d.delete(made)

    return forward, transpose, sinogram


def main() -> None:
    problem = json.load(sys.stdin)
    # What a peer prints on the way must not mix with the answer.
    answer = os.dup(1)
    os.dup2(2, 1)
    forward, transpose, sinogram = {"rtk": rtk, "mbirjax": mbirjax, "astra": astra}[problem["peer"]](problem)
    seconds = {
        "forward": best(forward, problem["repeats"]),
        "transpose": best(transpose, problem["repeats"]),
    }
    np.save(problem["result"], sinogram)
    os.write(answer, json.dumps(seconds).encode())


if __name__ == "__main__":
    main()
