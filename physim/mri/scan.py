"""From a patient to noisy k-space, and back to an image."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int, PRNGKeyArray

from physim_phantoms import Grid, Phantom
from physim_phantoms._checks import InputError, require_finite, require_shape

from .cartesian import image_grid, image_of, places
from .coils.covariance import coloured_noise
from .coils.receive import sensitivity_maps
from .configuration import PhaseGraph
from .contrasts import Contrast
from .dephasing import spins_enough, warn_of_dephasing
from .diffusing import warn_of_diffusion
from .encode import Cartesian, decode, encode
from .gradients import GradientSystem
from .motion import Motion, Still
from .patient_spins import require_nominal_fields, spins_in
from .reconstruction.combine import Combination, RootSumOfSquares
from .reconstruction.method import Reconstruction
from .scanner import Scanner
from .sequence.blocks import Sequence
from .sequence.compile import compile_sequence
from .simulate import simulate
from .spins import Isochromats


class KSpace(eqx.Module):
    """Raw data: k-space samples in ascending k (see `physim.mri.encode`), and the grid of the image they make.

    - `samples`: signal of fully relaxed water times mm³; sample n along an axis has k = (n − floor(M/2)) / L cycles/mm.
      A sequence with several images (echoes, repetitions) gives them along a first axis; several coils go before that.
    - `grid`: the acquired image grid. - `coils`: how many; the axis of a single one is left out.
    """

    samples: Complex[Array, "*coil_and_image kx ky kz"]
    grid: Grid
    coils: int = eqx.field(static=True, default=1)

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
    per_voxel: int | None = None,
    motion: Motion = Still(),
    spins: Isochromats | PhaseGraph | None = None,
) -> KSpace:
    """One Cartesian MR acquisition with complex white noise.

    A `Contrast` gives each tissue its steady-state signal, which is mixed by volume and encoded as `encoding` says. A
    `Sequence` is played to `per_voxel` spins per voxel and tissue (see `simulate`), by default as many as its spoilers
    need (16 at least, four million in all at most, and 16 where values are traced); it encodes by itself, over its own
    matrix and field of view about the scanner's centre. Planes without slice selection are as thick as the patient's box.
    The scanner's gradient system and the patient's `motion` act on a `Sequence`; a `Contrast` has no gradients, so that
    anything but ideal ones and rest is refused.

    - `spins`: of the patient, in place of those `per_voxel` asks for: `mri.voxels_in(patient, scanner)` for phase graphs.

    Every coil of `scanner.receive` sees the patient by its sensitivity. The scanner's B0 and B1+ act on the spins of a
    `Sequence`; a `Contrast` knows neither, and other than nominal ones are refused.

    Real and imaginary parts of every sample carry independent Gaussian noise, which coils share by
    `scanner.noise_covariance`; its standard deviation is such that a coil's image on `raw.grid` has the noise that
    `scanner` asks for. Equal keys give equal bits. Raises `ValueError` for a
    sequence whose samples do not fill a Cartesian matrix: take its samples from `simulate`. Warns (`DephasingWarning`) where
    so few spins per voxel bring magnetisation back that spoilers have dephased, with a number that is enough, and
    (`DiffusionWarning`) where spins that are points lack the weighting of a sequence by diffusion.

    Good values: `scan(patient, mri.SpinEcho(tr=4.0, te=0.09), mri.Scanner(field=3.0), jax.random.key(0))`.
    """
    if isinstance(sequence, Sequence):
        if encoding is not None:
            raise InputError("encoding is given, but a sequence encodes by itself; leave encoding away")
        order = places(sequence, image_grid(sequence))
        grid = image_of(sequence, patient.grid)
        several = order.shape[:1] if len(order) > 1 else ()
        samples = _played(patient, sequence, scanner, per_voxel, motion, spins)
        samples = _in_order(samples, jnp.asarray(order), (*several, *grid.shape))
    else:
        if spins is not None:
            raise InputError(
                "spins are given, but a contrast knows tissues only; leave spins away, or scan a played sequence"
            )
        _require_ideal(scanner, motion)
        require_nominal_fields(scanner)
        encoding = Cartesian() if encoding is None else encoding
        grid = encoding.grid(patient.grid)
        density = signal_map(patient, sequence, scanner)
        seen = sensitivity_maps(scanner.receive, patient.grid).astype(
            jnp.result_type(density.dtype, jnp.complex64)
        )
        # One coil after another: the transform of one is all that is kept of it.
        samples = jax.lax.map(lambda one: encode(density * one, patient.grid, grid.shape), seen)
    return noisy(samples, grid, scanner, key)


@eqx.filter_jit
def _in_order(
    samples: Complex[Array, "coil sample"], order: Int[Array, "image place"], shape: tuple[int, ...]
) -> Complex[Array, "coil ..."]:
    """The samples where their images have them."""
    return samples[:, order].reshape(-1, *shape)


def _played(
    patient: Phantom,
    sequence: Sequence,
    scanner: Scanner,
    per_voxel: int | None,
    motion: Motion,
    spins: Isochromats | PhaseGraph | None,
) -> Complex[Array, "coil sample"]:
    """The samples of a sequence, of spins that are given or made, with a warning where those made are too few."""
    if spins is not None:
        return simulate(spins, sequence, scanner, motion=motion)
    warn_of_diffusion(sequence, patient)
    program = compile_sequence(sequence, float(scanner.field), gradients=scanner.gradients, motion=motion)
    if per_voxel is None:
        per_voxel = spins_enough(program, _single(patient, scanner), patient.grid)
    made = spins_in(patient, scanner, per_voxel)
    warn_of_dephasing(program, made, per_voxel, patient.grid)
    return simulate(made, program, scanner, motion=motion)


def _single(patient: Phantom, scanner: Scanner) -> Isochromats:
    """One spin per voxel and tissue, in no field: what is needed of them is how they decay."""
    return Isochromats.from_phantom(patient, 1, field=float(scanner.field))


def noisy(
    samples: Complex[Array, "coil *image kx ky kz"], grid: Grid, scanner: Scanner, key: PRNGKeyArray
) -> KSpace:
    """Raw data of all coils with the scanner's spikes and the noise that it has in an image of them.

    The image is Σ S exp / (V N) with voxel volume V and N samples: white noise shrinks by √N / (V N).
    """
    deviation = scanner.image_noise(grid.voxel_volume) * grid.voxel_volume * np.sqrt(grid.size)
    coils, real = scanner.receive.count, samples.real.dtype
    noise = coloured_noise(key, scanner.noise_covariance, coils, samples.shape[1:], real)
    spoilt = scanner.spikes.add(samples, jax.random.fold_in(key, 1)) + deviation.astype(real) * noise
    return KSpace(spoilt[0] if coils == 1 else spoilt, grid, coils)


def _require_ideal(scanner: Scanner, motion: Motion) -> None:
    if not (isinstance(motion, Still) and scanner.gradients.same(GradientSystem())):
        raise InputError(
            "the steady-state equations of a contrast play no gradients and take no time, but motion or a gradient system "
            "is given; scan a played sequence: write mri.sequences.spoiled_gradient_echo(...)"
        )


def reconstruct(
    raw: KSpace,
    grid: Grid | None = None,
    combination: Combination = RootSumOfSquares(),
    method: Reconstruction | None = None,
) -> Float[Array, "*image x y z"]:
    """Magnitude image, or several along a first axis, on the acquired grid or zero-filled onto a finer one over the same box.

    Zero filling interpolates with the sampling window's own sinc: Gibbs ringing stays, as on a scanner. Images of several
    coils become one as `combination` says. A `method` of `mri.reconstruction`, such as `Sense(maps, (1, 2, 1))` or
    `CompressedSensing(...)`, takes the samples of all coils instead, and combines them by itself.

    Raises `ValueError` for a grid that covers another box or is coarser than what was acquired, and what the method refuses.
    """
    return jnp.abs(reconstruct_complex(raw, grid, combination, method))


def reconstruct_complex(
    raw: KSpace,
    grid: Grid | None = None,
    combination: Combination = RootSumOfSquares(),
    method: Reconstruction | None = None,
) -> Complex[Array, "*image x y z"]:
    """As `reconstruct`, before the magnitude is taken; a root sum of squares of several coils has no phase."""
    require_finite("samples", raw.samples)
    _require_axes(raw)
    _require_method(method)
    target = raw.grid if grid is None else grid
    if not _same_box(raw.grid, target) or any(
        n < m for n, m in zip(target.shape, raw.grid.shape, strict=True)
    ):
        raise InputError(
            f"grid covers {tuple(np.round(target.extent, 3))} mm with {target.shape} voxels; it must cover the scanned "
            f"box of {tuple(np.round(raw.grid.extent, 3))} mm with at least {raw.grid.shape} voxels: "
            "write reconstruct(raw, patient.grid)"
        )
    flat = raw.samples.reshape(raw.coils, -1, *raw.grid.shape)
    several = raw.samples.shape[1 if raw.coils > 1 else 0 : -3]
    made = [_image(flat[:, n], raw.grid, target, combination, method) for n in range(flat.shape[1])]
    return jnp.stack(made).reshape(*several, *target.shape)


def _image(samples, grid: Grid, target: Grid, combination: Combination, method: Reconstruction | None):
    """One image of all coils; a method's own is made on the acquired matrix and then zero-filled."""
    if method is None:
        return combination.combine(jax.vmap(lambda one: decode(one, grid, target.shape))(samples))
    image = method.image(samples, grid)
    return (
        image if target.shape == grid.shape else decode(encode(image, grid, grid.shape), grid, target.shape)
    )


def _require_method(method: object) -> None:
    if method is not None and (isinstance(method, type) or not isinstance(method, Reconstruction)):
        raise InputError(
            f"method is {method!r}; it must be an object like mri.reconstruction.Sense(sensitivities, (1, 2, 1)): "
            "write it with brackets"
        )


def _require_axes(raw: KSpace) -> None:
    """Refuses samples that are not those of the grid and the coils."""
    if raw.samples.shape[-3:] != raw.grid.shape:
        require_shape("samples", raw.samples, raw.grid.shape)
    leading = raw.samples.shape[:-3]
    if raw.coils > 1 and leading[:1] != (raw.coils,):
        raise InputError(
            f"samples have shape {raw.samples.shape} for {raw.coils} coils; the first axis must be the coils: "
            f"({raw.coils}, ..., {', '.join(map(str, raw.grid.shape))})"
        )


def _same_box(first: Grid, second: Grid) -> bool:
    tolerance = 1e-4 * float(np.min(np.asarray(first.spacing)))
    return (
        np.allclose(first.extent, second.extent, atol=tolerance)
        and np.allclose(first.centre, second.centre, atol=tolerance)
        and np.allclose(first.direction, second.direction, atol=1e-5)
    )
