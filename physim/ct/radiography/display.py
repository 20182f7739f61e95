"""From a logarithmic radiograph to what a radiologist sees: detail, window and a film-like curve."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range

from ..detection.light_spread import mirrored_filter
from ..geometry import ConeBeam
from ..geometry.checks import Number

Image = Float[Array | np.ndarray, "*view row column"]


class Detail(eqx.Module):
    """Multi-scale enhancement: the image as bands of detail, faint ones amplified and strong ones held back.

    Bands are differences of Gaussian blurs of 1, 2, 4, ... × `finest` pixels. A detail d becomes
    gain d (1 + (d / knee)²)^((power − 1) / 2): d × gain where it is faint, ∝ |d|^power where it is strong, after P. Vuylsteke
    and E. Schoeters, Proc. SPIE 2167 (1994) 551. What is left below the widest band is multiplied by `base`.

    Good values: three to six bands with a gain of 1 to 2, power 0.7, base 0.6 to 1; gain 1, power 1 and base 1 change nothing.
    Raises `ValueError` outside: gains 0 to 20, power 0.1 to 1, base 0 to 1.
    """

    gains: tuple[Number, ...]
    power: Number
    knee: Number
    base: Number
    finest: Number

    def __init__(
        self,
        gains: tuple[Number, ...] = (1.2, 1.5, 1.6, 1.5, 1.3, 1.2),
        *,
        power: Number = 0.75,
        knee: Number = 0.1,
        base: Number = 0.75,
        finest: Number = 0.7,
    ):
        if not gains:
            raise InputError("gains is empty; give one number per band, finest first, like (1.2, 1.5, 1.5)")
        for gain in gains:
            require_range("gains", gain, 0.0, 20.0)
        require_range("power", power, 0.1, 1.0)
        require_range("knee", knee, 1e-6, 1e3)
        require_range("base", base, 0.0, 1.0)
        require_range("finest", finest, 0.1, 100.0, "pixels")
        self.gains, self.power, self.knee, self.base, self.finest = tuple(gains), power, knee, base, finest

    def apply(self, image: Image) -> Float[Array, "*view row column"]:
        """The image with its detail enhanced; its mean is kept."""
        image = jnp.asarray(image)
        made, finer = jnp.zeros_like(image), image
        for number, gain in enumerate(self.gains):
            coarser = blurred(image, self.finest * 2.0**number)
            detail = finer - coarser
            made = made + gain * detail * (1 + (detail / self.knee) ** 2) ** ((self.power - 1) / 2)
            finer = coarser
        level = jnp.mean(image, axis=(-2, -1), keepdims=True)
        return made + level + self.base * (finer - level)


class SigmoidCurve(eqx.Module):
    """A film's curve: 1 / (1 + exp(−4 (x − 1/2) / width)), stretched to reach 0 and 1 at the window's ends.

    The sigmoid VOI function of DICOM PS3.3 C.11.2.1.3.1. - `width`: of the window in which it is nearly straight; large
    is a straight line.

    Good values: 0.7 to 1.2. Raises `ValueError` outside 0.05 to 100.
    """

    width: Number

    def __init__(self, width: Number = 0.8):
        require_range("width", width, 0.05, 100.0)
        self.width = width

    def apply(self, values: Image) -> Float[Array, "*view row column"]:
        """Brightness 0 to 1 of values, of which 0 to 1 are the window."""
        curve = lambda x: jax.nn.sigmoid(4 * (x - 0.5) / self.width)
        low, high = curve(0.0), curve(1.0)
        return jnp.clip((curve(jnp.asarray(values)) - low) / (high - low), 0, 1)


class HistogramWindow(eqx.Module):
    """A window from the image's own histogram: between two quantiles of the pixels behind the patient.

    - `low`, `high`: quantiles. - `air`: log attenuation below which a pixel saw no patient. - `margin`: share of the window
      added at both ends. Held when differentiating.

    Good values: 0.005 and 0.995, air 0.25. Raises `ValueError` unless 0 <= low < high <= 1.
    """

    low: Number
    high: Number
    air: Number
    margin: Number

    def __init__(
        self, low: Number = 0.005, high: Number = 0.995, *, air: Number = 0.25, margin: Number = 0.02
    ):
        require_range("low", low, 0.0, 1.0)
        require_range("high", high, 0.0, 1.0)
        if is_concrete(low) and is_concrete(high) and float(low) >= float(high):
            raise InputError(
                f"low is {low} and high {high}; the window needs a width: HistogramWindow(0.005, 0.995)"
            )
        require_range("air", air, -10.0, 50.0)
        require_range("margin", margin, 0.0, 1.0)
        self.low, self.high, self.air, self.margin = low, high, air, margin

    def ends(self, image: Image, behind: Image) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Lower and upper end for `image`, of the pixels where `behind`, the log attenuation, shows a patient."""
        image, behind = (jax.lax.stop_gradient(jnp.asarray(v)) for v in (image, behind))
        patient = behind > self.air
        # An image without patient is windowed as a whole.
        seen = jnp.where(patient | ~jnp.any(patient), image, jnp.nan)
        low, high = jnp.nanquantile(seen, jnp.asarray([self.low, self.high], seen.dtype))
        spare = self.margin * (high - low)
        return low - spare, jnp.maximum(high + spare, low - spare + 1e-6)


class Display(eqx.Module):
    """Detail, then window, then curve; bone is bright, as in MONOCHROME2."""

    detail: Detail = Detail()
    window: HistogramWindow = HistogramWindow()
    curve: SigmoidCurve = SigmoidCurve()


def presentation(image: Image, display: Display = Display()) -> Float[Array, "*view row column"]:
    """Presentation values, 0 black to 1 white, of a logarithmic radiograph (`Readings.log()`): bright where much is absorbed.

    Differentiable; the window is held. For MONOCHROME1, which shows small values bright, store `inverted(values)`.
    Raises `ValueError` for NaN.

    Good values: `presentation(readings.log())`; for bones `Display(Detail(base=0.5), HistogramWindow(0.2, 0.999))`.
    """
    require_finite("image", image)
    image = jnp.asarray(image)
    enhanced = display.detail.apply(image)
    low, high = display.window.ends(enhanced, image)
    return display.curve.apply((enhanced - low) / (high - low))


def inverted(values: Image) -> Float[Array, "*view row column"]:
    """Black and white exchanged: MONOCHROME1 for MONOCHROME2."""
    return 1 - jnp.asarray(values)


def upright(values: Image, geometry: ConeBeam) -> Float[Array, "*view row column"]:
    """The head up, and the patient's right on the left; a patient seen from the side faces left. For looking, not for data.

    Row 0 becomes the top. Raises `ValueError` for a traced geometry: which way it looks decides.
    """
    row, column = geometry.row_step[0], geometry.column_step[0]
    if not (is_concrete(row) and is_concrete(column)):
        raise InputError(
            "upright looks at the geometry, so it cannot be traced; call it outside jit and grad"
        )
    right, ahead = float(column[0]), float(column[1])
    values = jnp.asarray(values)
    values = values[..., ::-1, :] if float(row[2]) > 0 else values
    towards = ahead if abs(ahead) > abs(right) else right
    return values[..., ::-1] if towards > 0 else values


def blurred(image: Float[Array, "*view row column"], sigma) -> Float[Array, "*view row column"]:
    """Gaussian blur of standard deviation `sigma` pixels; the image continues as its mirror."""
    return mirrored_filter(image, lambda r, c: jnp.exp(-2 * (jnp.pi * sigma) ** 2 * (r**2 + c**2)))
