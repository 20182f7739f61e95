"""What filtered back-projection must do to sharpness and noise, from the scanner's own numbers."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import require_range

from ..geometry import ConeBeam, Geometry, ParallelBeam, n_views
from ..reconstruction.windows import Window
from ..source.protocol import Protocol

Frequencies = Float[Array | np.ndarray, " f"]
_DIRECTIONS = 64
_ALIASES = 8


def expected_mtf(
    geometry: Geometry, protocol: Protocol, window: Window, frequencies: Frequencies, *, radius: float = 0.0
) -> Float[Array, " f"]:
    """In-plane modulation transfer of filtered back-projection at a distance `radius` from the axis, mean over directions.

    A product, each factor in mm at the axis, M the magnification there: the detector's cell sinc(f a / M), the focal spot
    sinc(f w (M − 1) / M), the turn of a view Δβ at the radius r, sinc(f r Δβ sin φ), the window up to the detector's
    Nyquist frequency, and linear interpolation sinc²(f a / M). Kak and Slaney, Principles of Computerized Tomographic
    Imaging (1988), chapter 5. Away from the axis the magnification is taken as that on the axis. Above Nyquist linear
    interpolation lets a little aliasing through, which depends on where the object lies between the columns and is left out.

    - `frequencies`: 1/mm. - `radius`: mm.
    """
    require_range("frequencies", frequencies, 0.0, 1e4, "per mm")
    require_range("radius", radius, 0.0, 1e4, "mm")
    f = jnp.asarray(frequencies)
    pitch, magnification = pitch_at_axis(geometry)
    nyquist = 0.5 / pitch
    spot = protocol.tube.focal_spot[0] * (magnification - 1) / magnification
    fixed = jnp.sinc(f * pitch) ** 3 * jnp.sinc(f * spot)
    passed = jnp.where(f <= nyquist, window.gain(f, nyquist), 0)
    across = jnp.sin(jnp.pi * (jnp.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS)
    turned = jnp.mean(jnp.sinc(f[:, None] * radius * _turn(geometry) * across), axis=1)
    return fixed * passed * turned


def fbp_noise_power(
    geometry: Geometry,
    window: Window,
    variance: Float[Array, ""] | float,
    frequencies: Frequencies,
) -> Float[Array, " f"]:
    """Radial noise power, mm² times the unit of the image squared, of white noise in the line integrals.

    A view's noise of `variance`, independent from column to column of pitch τ (at the axis), has the power σ² τ; ramp and
    window make (f G(f))² of it, repeated at multiples of 1/τ, and linear interpolation takes sinc⁴(f τ) of that. The back-
    projection adds π / views times n views, each a line through the origin of the plane of frequencies, so that
    1 / (π f) · views of them meet an area at f:

        N(f) = π σ² τ / views · G(f)² sinc⁴(f τ) f,    f below Nyquist; replicas of (f G)² above, over f.

    Riederer, Pelc and Chesler, Phys. Med. Biol. 23 (1978) 446; Kak and Slaney (1988), section 5.2.  With the bare ramp and
    no interpolation its integral is π² σ² / 12 views τ². A full turn counts all of its views. Exact for parallel rays of
    evenly spaced views; for fans in the middle of the image.

    - `variance`: of one line integral. - `frequencies`: |f|, 1/mm.
    """
    require_range("frequencies", frequencies, 0.0, 1e4, "per mm")
    require_range("variance", variance, 0.0, np.inf)
    f = jnp.asarray(frequencies)
    pitch, _ = pitch_at_axis(geometry)
    nyquist = 0.5 / pitch
    # Frequency within the detector's band that repeats at f.
    folded = jnp.abs(f - jnp.round(f * pitch) / pitch)
    filtered = (folded * window.gain(folded, nyquist)) ** 2 * jnp.sinc(f * pitch) ** 4
    safe = jnp.where(f > 0, f, 1)
    return jnp.where(f > 0, jnp.pi * variance * pitch / n_views(geometry) * filtered / safe, 0)


def sampled_noise_power(spectrum, spacing: float, fx: Frequencies, fy: Frequencies) -> Float[Array, "fx fy"]:
    """A radial noise power as voxels of a `spacing`, mm, see it: with everything beyond their Nyquist frequency folded in.

    - `spectrum`: function of |f| "f", such as `fbp_noise_power` of a scan.
    """
    shifts = np.arange(-_ALIASES, _ALIASES + 1) / spacing
    x = (jnp.asarray(fx)[:, None] + shifts).ravel()
    y = (jnp.asarray(fy)[:, None] + shifts).ravel()
    far = jnp.hypot(x[:, None], y[None, :])
    power = spectrum(far.ravel()).reshape(len(fx), len(shifts), len(fy), len(shifts))
    return jnp.sum(power, axis=(1, 3))


def pitch_at_axis(geometry: Geometry) -> tuple[Float[Array, ""] | float, Float[Array, ""] | float]:
    """Distance of the columns at the axis, mm, and the magnification from there to the detector, of the first view."""
    if isinstance(geometry, ParallelBeam):
        return geometry.pixel_size[1], 1.0
    source, normal = jnp.asarray(geometry.source)[0], geometry.normal[0]
    to_detector = jnp.vdot(jnp.asarray(geometry.detector_centre)[0] - source, normal)
    to_axis = jnp.linalg.norm((jnp.asarray(geometry.sweep.centre) - source)[:2])
    magnification = to_detector / to_axis
    return geometry.pixel_size[1][0] / magnification, magnification


def _turn(geometry: Geometry):
    """By how much the gantry turns during a view, rad."""
    if isinstance(geometry, ConeBeam):
        return jnp.mean(jnp.abs(jnp.asarray(geometry.sweep.turn)))
    return jnp.abs(geometry.angles[-1] - geometry.angles[0]) / max(n_views(geometry) - 1, 1)
