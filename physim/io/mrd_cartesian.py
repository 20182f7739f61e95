"""Fully sampled Cartesian k-space as MRD acquisitions, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Complex

from physim_phantoms import InputError
from physim_phantoms._checks import require_finite

from .fourier_centre import from_fft_centre, to_fft_centre
from .mrd_acquisitions import AcquisitionFlag, Counters, RawAcquisitions
from .mrd_header import MRDHeader

_SKIPPED = (
    AcquisitionFlag.IS_NOISE_MEASUREMENT
    | AcquisitionFlag.IS_PARALLEL_CALIBRATION
    | AcquisitionFlag.IS_NAVIGATION_DATA
    | AcquisitionFlag.IS_PHASECORR_DATA
    | AcquisitionFlag.IS_DUMMYSCAN_DATA
)


def cartesian_acquisitions(kspace: object, *, dwell: float = 1e-5, tr: float = 0.0) -> RawAcquisitions:
    """The lines of k-space `[slice, coil, kx, ky, kz]`, read out along kx, slice by slice; `dwell` and `tr` in s.

    K-space is physim's: ascending k, about the middle of the box. The lines are those of an FFT whose origin is voxel
    floor(N/2), as readers of the format assume: what they reconstruct lies voxel on voxel on physim's image.

    Raises `InputError` for another number of axes, an empty array, or NaN.
    """
    array = np.asarray(kspace)
    if array.ndim != 5 or array.size == 0 or array.dtype.kind != "c":
        raise InputError(
            f"kspace is {array.dtype} of shape {array.shape}; it must be complex [slice, coil, kx, ky, kz], none of them "
            "empty: write kspace[None, None] for samples [kx, ky, kz] of one coil"
        )
    require_finite("kspace", array)
    slices, coils, length, lines, partitions = array.shape
    turned = to_fft_centre(array, (2, 3, 4)).transpose(0, 4, 3, 1, 2)
    place = np.indices((slices, partitions, lines)).reshape(3, -1)
    last = (place[1] == partitions - 1) & (place[2] == lines - 1)
    flags = np.where(last, int(AcquisitionFlag.LAST_IN_SLICE), 0)
    flags[-1] |= int(AcquisitionFlag.LAST_IN_MEASUREMENT)
    return RawAcquisitions(
        samples=turned.reshape(-1, coils, length),
        counters=Counters(kspace_encode_step_1=place[2], kspace_encode_step_2=place[1], slice=place[0]),
        dwell=dwell,
        time=tr * np.arange(place.shape[1]),
        flags=flags.astype(np.uint64),
    )


def cartesian_kspace(
    acquisitions: RawAcquisitions | Sequence[RawAcquisitions], header: MRDHeader, *, encoding: int = 0
) -> Complex[np.ndarray, "slice coil kx ky kz"]:
    """The k-space of Cartesian acquisitions, the inverse of `cartesian_acquisitions`; lines not acquired are 0.

    Noise, calibration, navigator and dummy read-outs are left out, reversed ones turned; lines acquired more than once
    are averaged. Of several contrasts, phases, repetitions or sets give only one at a time.

    Raises `InputError` for read-outs of another length than the matrix, lines outside it, several images, or none.
    """
    batches = (acquisitions,) if isinstance(acquisitions, RawAcquisitions) else tuple(acquisitions)
    matrix = header.encodings[encoding].encoded.matrix
    batches = [batch for batch in batches if np.any(_wanted(batch, encoding))]
    if not batches:
        raise InputError(f"no acquisition is imaging data of encoding {encoding}; the k-space would be empty")
    places = np.concatenate([_places(batch, encoding, matrix) for batch in batches])
    lines = np.concatenate([_lines(batch, encoding, matrix[0]) for batch in batches])
    order = np.lexsort(places.T[::-1])
    unique, first, count = np.unique(places[order], axis=0, return_index=True, return_counts=True)
    mean = np.add.reduceat(lines[order], first, axis=0) / count[:, None, None]
    kspace = np.zeros((unique[:, 0].max() + 1, matrix[1], matrix[2], *lines.shape[1:]), np.complex64)
    kspace[tuple(unique.T)] = mean
    return from_fft_centre(np.ascontiguousarray(kspace.transpose(0, 3, 4, 1, 2)), (2, 3, 4))


def _wanted(batch: RawAcquisitions, encoding: int) -> np.ndarray:
    flags = np.asarray(batch.flags)
    return (np.asarray(batch.encoding) == encoding) & ((flags & np.uint64(_SKIPPED)) == 0)


def _places(batch: RawAcquisitions, encoding: int, matrix: tuple[int, int, int]) -> np.ndarray:
    wanted = _wanted(batch, encoding)
    for name in ("contrast", "phase", "repetition", "set"):
        values = np.unique(np.asarray(getattr(batch.counters, name))[wanted])
        if len(values) > 1:
            raise InputError(
                f"the acquisitions hold {len(values)} values of {name}; give those of one at a time"
            )
    names = ("slice", "kspace_encode_step_1", "kspace_encode_step_2")
    places = np.stack([np.asarray(getattr(batch.counters, name))[wanted] for name in names], axis=1)
    if np.any(places[:, 1:] >= matrix[1:]):
        raise InputError(
            f"an acquisition lies outside the matrix {matrix} of encoding {encoding}; it is not Cartesian"
        )
    return places


def _lines(batch: RawAcquisitions, encoding: int, length: int) -> np.ndarray:
    wanted = _wanted(batch, encoding)
    samples, centre = batch.samples[wanted], np.asarray(batch.centre_sample)[wanted]
    if samples.shape[2] != length or np.any(centre != length // 2):
        raise InputError(
            f"read-outs have {samples.shape[2]} samples with k = 0 at {sorted(set(centre.tolist()))}; the matrix asks "
            f"for {length} with k = 0 at {length // 2}"
        )
    reverse = (np.asarray(batch.flags)[wanted] & np.uint64(AcquisitionFlag.IS_REVERSE)) != 0
    return np.where(reverse[:, None, None], samples[:, :, ::-1], samples)
