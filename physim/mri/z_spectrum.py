"""What saturation transfer measures: how much water is left after saturation at each offset."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, is_concrete, require_finite


def z_spectrum(signal: Complex[Array, "coil sample"]) -> Float[Array, " offset"]:
    """Z = S / S₀ at every offset, from the samples of `mri.sequences.saturation_transfer`, whose first is S₀.

    The phase of S₀ is taken out, so that Z is signed; coils are weighted by their own S₀. Raises `ValueError` for NaN, for
    signals without a sample beside S₀ and for S₀ = 0. Source: van Zijl and Yadav, Magn. Reson. Med. 65 (2011) 927.

    Good values: `mri.z_spectrum(mri.simulate(spins, sequence, scanner))`.
    """
    require_finite("signal", signal)
    if signal.shape[1] < 2:
        raise InputError(
            f"signal has {signal.shape[1]} sample; it must have one without saturation and one for each offset: "
            "write simulate(spins, sequences.saturation_transfer(offsets), scanner)"
        )
    unsaturated = jnp.conj(signal[:, :1])
    if is_concrete(signal) and not np.any(np.asarray(unsaturated)):
        raise InputError(
            f"signal is 0 in its first sample, S₀, in all {signal.shape[0]} coils, so that none of the "
            f"{signal.shape[1] - 1} offsets behind it has a Z: leave out voxels without water, or let the read-out of S₀ "
            "see some, write recovery=10.0"
        )
    return (signal[:, 1:] * unsaturated).real.sum(0) / (jnp.abs(unsaturated) ** 2).sum()


def asymmetry(spectrum: Float[Array, " offset"]) -> Float[Array, " offset"]:
    """MTR_asym(Δ) = Z(−Δ) − Z(Δ), for offsets that lie evenly about 0 in rising or falling order.

    Good values: `mri.asymmetry(mri.z_spectrum(signal))`; positive where protons exchange at Δ.
    """
    return spectrum[::-1] - spectrum
