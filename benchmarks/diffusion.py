"""Claim: the reaction-diffusion stencil does 1 G voxel-steps/s on 2 cores or 60 % of memory bandwidth, and 8x NumPy.

The same scheme on both sides: explicit conservative diffusion with face coefficients, exact logistic reaction, float32.
The peer is NumPy with preallocated arrays, and beside it the JAX reference that GPUs run.
"""

import jax
import jax.numpy as jnp
import numpy as np
import report

import physim_kernels
from physim import core

RATE, DT, STEPS = 0.02, 0.1, 20


class NumPyStencil:
    """The peer: whole-array NumPy, every temporary preallocated."""

    def __init__(self, faces, shape):
        self.faces = [
            np.ascontiguousarray(np.asarray(face) * np.float32(DT)) for face in (faces.x, faces.y, faces.z)
        ]
        self.out, self.flux, self.scratch = (np.empty(shape, np.float32) for _ in range(3))

    def step(self, u, gain):
        """One diffusion step and a whole logistic step, in place in `self.out`."""
        out = self.out
        np.copyto(out, u)
        for axis, face in enumerate(self.faces):
            low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
            high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
            flux = self.flux[low]
            np.subtract(u[high], u[low], out=flux)
            np.multiply(flux, face[low], out=flux)
            out[low] += flux
            out[high] -= flux
        np.multiply(out, gain - 1, out=self.scratch)
        self.scratch += 1
        np.multiply(out, gain, out=out)
        np.divide(out, self.scratch, out=out)
        return out

    def march(self, u, steps):
        """All steps; the first and last half steps of reaction are done apart, as in the scheme."""
        half = np.float32(np.exp(0.5 * RATE * DT))
        u = half * u / (1 + (half - 1) * u)
        for step in range(steps):
            u = np.array(self.step(u, half * half if step < steps - 1 else half))
        return u


def one_size(n: int, bandwidth: float) -> dict:
    """Times kernel, JAX reference and NumPy on an n³ grid."""
    rng = np.random.default_rng(0)
    u = jnp.asarray(rng.uniform(0, 1, (n, n, n)), jnp.float32)
    faces = core.face_coefficients(jnp.asarray(rng.uniform(0.1, 1, u.shape), jnp.float32), (1.0, 1.0, 1.0))
    peer, start = NumPyStencil(faces, u.shape), np.asarray(u)
    fused = jax.jit(lambda u, f: core.react_diffuse(u, f, RATE, DT, STEPS))
    with physim_kernels.disabled():
        plain = jax.jit(lambda u, f: 1 * core.react_diffuse(u, f, RATE, DT, STEPS)).lower(u, faces).compile()
    difference = float(np.abs(np.asarray(fused(u, faces)) - peer.march(start, STEPS)).max())
    assert difference < 1e-5, f"kernel and NumPy disagree by {difference}"
    seconds = report.paired(
        {
            "physim": lambda: fused(u, faces).block_until_ready(),
            "reference": lambda: plain(u, faces).block_until_ready(),
            "numpy": lambda: peer.march(start, STEPS),
        },
        repeats=5 if n <= 128 else 3,
    )
    work = n**3 * STEPS
    # Field and three face maps read, one field written, float32: what a step alone must move. A share above 1 is possible,
    # since one sweep over memory makes several steps.
    moved = 5 * 4 * work
    return {
        "n": n,
        "voxel_steps_per_s": work / seconds["physim"],
        "bandwidth_share": moved / seconds["physim"] / 1e9 / bandwidth,
        "times_numpy": seconds["numpy"] / seconds["physim"],
        "times_jax_reference": seconds["reference"] / seconds["physim"],
        "seconds": seconds["physim"],
    }


def main() -> None:
    """Runs the sizes and reports."""
    arguments = report.options(__doc__ or "")
    bandwidth = physim_kernels.measure_bandwidth()
    sizes = [64] if arguments.smallest else [64, 128, 256]
    rows = [one_size(n, bandwidth) for n in sizes]
    growth = report.exponent([n**3 for n in sizes], [row["seconds"] for row in rows])
    report.finish(
        "diffusion", rows, arguments, memory_bandwidth_gb_per_s=bandwidth, exponent_in_voxels=growth
    )


if __name__ == "__main__":
    main()
