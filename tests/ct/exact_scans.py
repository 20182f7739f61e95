"""Exact line integrals of shapes along a geometry's rays, and readings of water without noise, for tests."""

import jax
import jax.numpy as jnp
import numpy as np

from physim.ct.geometry import rays
from physim.ct.readings import Readings, air_signal
from physim.ct.reconstruction.polychromatic import attenuations, beams, each_view


@jax.jit
def line_integrals(shape, geometry):
    """Closed-form integrals of a shape from source to pixel; along all of a parallel ray."""
    r = rays(geometry)
    pixels, ahead = r.pixels(), r.directions()
    start = pixels - 2000 * ahead if r.parallel else pixels - ahead
    return shape.line_integral(start, pixels + 2000 * ahead if r.parallel else pixels)


def readings(paths, tissues, geometry, protocol):
    """What the protocol's detector reads, free of noise, behind paths "k view row column" through tissues, mm."""
    functions = attenuations(tissues)
    log = each_view(
        [beams(protocol, geometry)],
        lambda views, path: views[0].logs(functions, path)[0],
        jnp.moveaxis(jnp.asarray(paths), 1, 0),
    )
    signal = air_signal(protocol, geometry) * jnp.exp(-jnp.moveaxis(log, 1, 0))
    return Readings(signal if signal.shape[0] > 1 else signal[0], geometry, protocol)


def in_plane(grid, x=0.0, y=0.0):
    """Distance of voxels from a line along z, mm."""
    axes = grid.axes()
    return np.hypot(axes[0][:, None] - x, axes[1][None, :] - y)
