"""From a patient to noisy k-space, and back to an image."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from physim_phantoms import Grid, Phantom
from physim_phantoms._checks import InputError, require_finite, require_shape

from .cartesian import image_grid, places
from .contrasts import Contrast
from .encode import Cartesian, decode, encode
from .scanner import Scanner
from .sequence.blocks import Sequence
from .simulate import simulate
from .spins import Isochromats


class KSpace(eqx.Module):
    """Raw data: k-space samples in ascending k (see `physim.mri.encode`), and the grid of the image they make.

    - `samples`: signal of fully relaxed water times mm³; sample n along an axis has k = (n − floor(M/2)) / L cycles/mm.
      A sequence with several images (echoes, repetitions) gives them along a first axis.
    - `grid`: the acquired image grid.
    """

    samples: Complex[Array, "*image kx ky kz"]
    grid: Grid

    def frequencies(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """k along the grid's axes, cycles/mm."""
        return tuple(
            (np.arange(m) - m // 2) / length
            for m, length in zip(self.grid.shape, self.grid.extent, strict=True)
        )  # type: ignore[return-value]


def signal_map(patient: Phantom, sequence: Contrast, scanner: Scanner) -> Float[Array, "x y z"]:
    """Noise-free signal density: each tissue's signal, mixed by volume.

    Tissues in one voxel do not exchange, so their signals add: partial volume is exact, also where the relaxation
    curves differ. Relative to fully relaxed water; signed for inversion recovery.
    """
    values = [
        sequence.signal(
            tissue.proton_density,
            tissue.value("t1", field=scanner.field),
            tissue.value("t2", field=scanner.field),
            tissue.value("t2_star", field=scanner.field),
        )
        for tissue in patient.tissues
    ]
    return patient.mix(jnp.stack([jnp.asarray(value, patient.fractions.dtype) for value in values]))


def scan(
    patient: Phantom,
    sequence: Contrast | Sequence,
    scanner: Scanner,
    key: PRNGKeyArray,
    encoding: Cartesian | None = None,
    per_voxel: int = 16,
) -> KSpace:
    """One Cartesian MR acquisition with complex white noise.

    A `Contrast` gives each tissue its steady-state signal, which is mixed by volume and encoded as `encoding` says. A
    `Sequence` is played to `per_voxel` spins per voxel and tissue (see `simulate`); it encodes by itself, over its own
    matrix and field of view about the scanner's centre.

    Real and imaginary parts of every sample carry independent Gaussian noise; its standard deviation is such that the
    image on `raw.grid` has the noise that `scanner` asks for. Equal keys give equal bits. Raises `ValueError` for a
    sequence whose samples do not fill a Cartesian matrix: take its samples from `simulate`.

    Good values: `scan(patient, mri.SpinEcho(tr=4.0, te=0.09), mri.Scanner(field=3.0), jax.random.key(0))`.
    """
    if isinstance(sequence, Sequence):
        if encoding is not None:
            raise InputError("encoding is given, but a sequence encodes by itself; leave encoding away")
        grid = image_grid(sequence)
        order = places(sequence, grid)
        spins = Isochromats.from_phantom(patient, per_voxel, field=float(scanner.field))
        several = order.shape[:1] if len(order) > 1 else ()
        samples = simulate(spins, sequence, scanner)[0][order].reshape(*several, *grid.shape)
    else:
        encoding = Cartesian() if encoding is None else encoding
        grid = encoding.grid(patient.grid)
        samples = encode(signal_map(patient, sequence, scanner), patient.grid, grid.shape)
    return noisy(KSpace(samples, grid), scanner, key)


def noisy(raw: KSpace, scanner: Scanner, key: PRNGKeyArray) -> KSpace:
    """Raw data with the noise that the scanner has in an image of them.

    The image is Σ S exp / (V N) with voxel volume V and N samples: white noise shrinks by √N / (V N).
    """
    dtype = raw.samples.real.dtype
    volume = raw.grid.voxel_volume
    deviation = scanner.image_noise(volume) * volume * np.sqrt(raw.grid.size)
    return KSpace(raw.samples + deviation.astype(dtype) * _white(key, raw.samples.shape, dtype), raw.grid)


def _white(key: PRNGKeyArray, shape: tuple[int, ...], dtype) -> Complex[Array, "*shape"]:
    """Complex Gaussian numbers whose real and imaginary parts have variance 1."""
    parts = jax.random.normal(key, (2, *shape), dtype)
    return jax.lax.complex(parts[0], parts[1])


def reconstruct(raw: KSpace, grid: Grid | None = None) -> Float[Array, "*image x y z"]:
    """Magnitude image, or several along a first axis, on the acquired grid or zero-filled onto a finer one over the same box.

    Zero filling interpolates with the sampling window's own sinc: Gibbs ringing stays, as on a scanner.
    Raises `ValueError` for a grid that covers another box or is coarser than what was acquired.
    """
    return jnp.abs(reconstruct_complex(raw, grid))


def reconstruct_complex(raw: KSpace, grid: Grid | None = None) -> Complex[Array, "*image x y z"]:
    """As `reconstruct`, before the magnitude is taken."""
    require_finite("samples", raw.samples)
    if raw.samples.shape[-3:] != raw.grid.shape:
        require_shape("samples", raw.samples, raw.grid.shape)
    target = raw.grid if grid is None else grid
    if not _same_box(raw.grid, target) or any(
        n < m for n, m in zip(target.shape, raw.grid.shape, strict=True)
    ):
        raise InputError(
            f"grid covers {tuple(np.round(target.extent, 3))} mm with {target.shape} voxels; it must cover the scanned "
            f"box of {tuple(np.round(raw.grid.extent, 3))} mm with at least {raw.grid.shape} voxels: "
            "write reconstruct(raw, patient.grid)"
        )
    if raw.samples.ndim > 3:
        return jax.vmap(lambda samples: decode(samples, raw.grid, target.shape))(raw.samples)
    return decode(raw.samples, raw.grid, target.shape)


def _same_box(first: Grid, second: Grid) -> bool:
    tolerance = 1e-4 * float(np.min(np.asarray(first.spacing)))
    return (
        np.allclose(first.extent, second.extent, atol=tolerance)
        and np.allclose(first.centre, second.centre, atol=tolerance)
        and np.allclose(first.direction, second.direction, atol=1e-5)
    )
