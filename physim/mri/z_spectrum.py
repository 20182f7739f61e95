"""What saturation transfer measures: how much water is left after saturation at each offset."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from physim_phantoms._checks import InputError, require_finite


def z_spectrum(signal: Complex[Array, "coil sample"]) -> Float[Array, " offset"]:
    """Z = S / S₀ at every offset, from the samples of `mri.sequences.saturation_transfer`, whose first is S₀.

    The phase of S₀ is taken out, so that Z is signed; coils are weighted by their own S₀. Raises `ValueError` for NaN and
    for signals without a sample beside S₀. Source: van Zijl and Yadav, Magn. Reson. Med. 65 (2011) 927.

    Good values: `mri.z_spectrum(mri.simulate(spins, sequence, scanner))`.
    """
    require_finite("signal", signal)
    if signal.shape[1] < 2:
        raise InputError(
            f"signal has {signal.shape[1]} sample; it must have one without saturation and one for each offset: "
            "write simulate(spins, sequences.saturation_transfer(offsets), scanner)"
        )
    unsaturated = jnp.conj(signal[:, :1])
    return (signal[:, 1:] * unsaturated).real.sum(0) / (jnp.abs(unsaturated) ** 2).sum()


def asymmetry(spectrum: Float[Array, " offset"]) -> Float[Array, " offset"]:
    """MTR_asym(Δ) = Z(−Δ) − Z(Δ), for offsets that lie evenly about 0 in rising or falling order.

    Good values: `mri.asymmetry(mri.z_spectrum(signal))`; positive where protons exchange at Δ.
    """
    return spectrum[::-1] - spectrum
