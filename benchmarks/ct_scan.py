"""Claim: a clinical 2-D scan takes under 3 s, and the gradient of a polychromatic scan at most 4 times its forward time.

The scan: 900 columns × 1000 views, 120 kV in 70 bins of 2 keV, noise, filtered back-projection onto 512²; warm, that is
compiled, on all cores. The gradient: of half the sum of squares of what the detector reads, with respect to every tissue of
every voxel and every number of the protocol; the time is that of value and gradient together.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import report

from physim import ct
from physim_phantoms import Grid, Phantom

KEY = jax.random.key(0)
PROTOCOL = ct.Protocol(kvp=120.0, mas=200.0)


def patient(size: int) -> Phantom:
    """An ellipse of water with a ring of bone and a core of lung, 320 mm wide, one slice."""
    grid = Grid((size, size, 1), (360.0 / size, 360.0 / size, 2.0))
    x, y = (np.asarray(a)[:, None] if k == 0 else np.asarray(a)[None] for k, a in enumerate(grid.axes()[:2]))
    radius = np.hypot(x / 160.0, y / 110.0)
    ring, core = (radius > 0.75) & (radius < 0.8), radius < 0.4
    maps = {"cortical_bone": ring, "lung": core, "water": (radius < 1) & ~ring & ~core}
    return Phantom.from_fractions(grid, {name: m[..., None].astype(np.float32) for name, m in maps.items()})


def scanner(views: int, columns: int):
    """The fan of a clinical scanner: its detector covers 500 mm at the axis."""
    return ct.fan_beam(views, 595.0, 1085.0, columns, 500.0 / columns * 1085.0 / 595.0, curved=True)


def clinical(size: int, views: int, columns: int) -> dict:
    """Scan and reconstruction, seconds."""
    body, geometry = patient(size), scanner(views, columns)
    scan = jax.jit(lambda key: ct.scan(body, geometry, PROTOCOL, key).signal)
    raw = ct.Readings(scan(KEY), geometry, PROTOCOL)
    image = jax.jit(lambda signal: ct.reconstruct(ct.Readings(signal, geometry, PROTOCOL), body.grid))
    both = lambda: image(scan(KEY)).block_until_ready()
    times = report.paired(
        {
            "scan": lambda: scan(KEY).block_until_ready(),
            "reconstruction": lambda: image(raw.signal).block_until_ready(),
            "both": both,
        }
    )
    row = {"case": "clinical", "n": size, "views": views, "columns": columns}
    return row | {f"{name}_s": seconds for name, seconds in times.items()}


def gradient(size: int, views: int, columns: int) -> dict:
    """Forward scan, and forward with its gradient, seconds."""
    body, geometry = patient(size), scanner(views, columns)

    def read(fractions, protocol, rays):
        moved = eqx.tree_at(lambda p: p.fractions, body, fractions)
        return ct.scan(moved, rays, protocol, KEY).signal / 1e4

    loss = lambda *values: 0.5 * jnp.sum(read(*values) ** 2)
    forward = jax.jit(read)
    both = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), allow_int=True))
    given = (jnp.asarray(body.fractions), PROTOCOL, geometry)
    times = report.paired(
        {
            "forward": lambda: jax.block_until_ready(forward(*given)),
            "gradient": lambda: jax.block_until_ready(both(*given)),
        }
    )
    row = {"case": "gradient", "n": size, "views": views, "columns": columns}
    row |= {f"{name}_s": seconds for name, seconds in times.items()}
    return row | {"gradient_over_forward": times["gradient"] / times["forward"]}


def main() -> None:
    """Runs the sizes and reports."""
    arguments = report.options(__doc__ or "")
    sizes = [(128, 250, 225)] if arguments.smallest else [(128, 250, 225), (256, 500, 450), (512, 1000, 900)]
    rows = [run(*size) for run in (clinical, gradient) for size in sizes]
    report.finish("ct_scan", rows, arguments)


if __name__ == "__main__":
    main()
