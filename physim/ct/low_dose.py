"""From one scan to the same scan at a lower dose, with the right noise."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from physim_phantoms import TISSUES
from physim_phantoms._checks import require_finite, require_range

from .detection import Crosstalk, EnergyIntegrating, PhotonCounting
from .detection.noise import deviate
from .detection.photon_counting import thinned
from .geometry.checks import Number
from .readings import Readings
from .source import ENERGIES, Beam, beam
from .timing import durations

_HIGHEST = jax.lax.Precision.HIGHEST


def low_dose(raw: Readings, fraction: Number, key: PRNGKeyArray) -> Readings:
    """What the scanner would have read with `fraction` of the charge.

    An energy-integrating signal y becomes a y + noise of variance a (1 − a) κ₂ + (1 − a²) σ², with σ the electronic noise
    and κ₂ = y × energy that counts, estimated for each ray from its own attenuation as if by water: right to 1 % in soft
    tissue; behind bone the beam is harder, and 10 mm of compact bone in 150 mm of water make κ₂ 2.5 % too low, 30 mm 6 %.
    The photons' part passes the detector's crosstalk and lag like that of the scan. Counts are thinned, each kept with the
    probability `fraction`, which is exact; where dead time takes fewer of few, more are kept, by a rate estimated from the
    counts around. `raw` must have noise itself.
    Raises `ValueError` for a fraction outside 0.0001..1 and NaN. Good values: 0.1 to 0.5.
    """
    require_range("fraction", fraction, 1e-4, 1.0)
    require_finite("signal", raw.signal)
    protocol = eqx.tree_at(lambda p: p.mas, raw.protocol, raw.protocol.mas * fraction)
    return Readings(_lowered(raw, jnp.asarray(fraction, float), key), raw.geometry, protocol)


@jax.jit
def _lowered(raw: Readings, fraction, key):
    detector, signal = raw.protocol.detector, jnp.asarray(raw.signal)
    channels = signal if signal.ndim == 4 else signal[None]
    lengths = durations(raw.geometry, raw.protocol.rotation_time)
    if isinstance(detector, PhotonCounting):
        made = _fewer(channels, detector, lengths, fraction, key)
    else:
        source = beam(raw.protocol, raw.geometry)
        made = _noisier(channels, detector, source, lengths, fraction.astype(signal.dtype), key)
    return made.reshape(signal.shape)


def _noisier(signal, detector: EnergyIntegrating, source: Beam, lengths, fraction, key):
    quantum, electronic = jax.random.split(key)
    # What glows on from earlier views brought its photons' noise then: only the light of a view counts for its own.
    light = signal if detector.lag is None else detector.lag.undone(signal, lengths)
    ratios = _size_ratios(light[0], detector, source)
    photons = jnp.maximum(light, 0) * fraction
    second = (1 - fraction) * ratios[0] * photons
    third = (1 - fraction**2) * ratios[1] * photons
    added = detector.transfer(deviate(quantum, second, third), lengths)
    deviation = jnp.asarray(detector.electronic_noise, signal.dtype) * jnp.sqrt(1 - fraction**2)
    noise = deviation * jax.random.normal(electronic, signal.shape, signal.dtype)
    return jnp.maximum(fraction * signal + added + noise, 0)


def _size_ratios(signal, detector, source: Beam):
    """κ₂ / κ₁ and κ₃ / κ₁ of every reading, keV and keV², from a table over thicknesses of water, view by view."""
    thickness = 700.0 * jnp.linspace(0.0, 1.0, 65) ** 1.5
    water = jnp.exp(
        -jnp.asarray(TISSUES["water"].attenuation(jnp.asarray(ENERGIES, float)))[:, None] * thickness
    )
    quanta = detector.quanta(ENERGIES)
    powers = [(source.spectrum * quanta.probability[0] * quanta.size[0] ** m) for m in (1, 2, 3)]
    behind = jnp.einsum("mve,et->mvt", jnp.stack(powers), water, precision=_HIGHEST)
    log = jnp.log(behind[0, :, :1]) - jnp.log(behind[0])
    open_signal = (behind[0, :, 0, None, None] * source.solid_angle).astype(signal.dtype)
    seen = jnp.log(open_signal) - jnp.log(jnp.maximum(signal, detector.least))
    look_up = jax.vmap(lambda x, at, values: jnp.interp(x, at, values))
    made = [look_up(seen, log, behind[m] / behind[0]) for m in (1, 2)]
    return [m.astype(signal.dtype) for m in made]


def _fewer(counts, detector: PhotonCounting, lengths, fraction, key):
    if detector.pile_up is None:
        return thinned(key, counts, fraction.astype(counts.dtype))
    counted = jnp.sum(counts, axis=0) / lengths[:, None, None]
    # A rate from one pixel's own counts would make its noise its gain: some 25 neighbours give one.
    for _ in range(4):
        counted = Crosstalk(0.25, 0.25).apply(counted)
    arriving = detector.pile_up.arriving(counted)
    kept = fraction * detector.pile_up.kept(fraction * arriving) / detector.pile_up.kept(arriving)
    return thinned(key, counts, jnp.minimum(kept, 1).astype(counts.dtype))
