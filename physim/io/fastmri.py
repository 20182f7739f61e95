"""HDF5 files in the layout of the fastMRI data set: multi-coil k-space of 2-D slices and their reconstruction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Complex, Float

from physim_phantoms import InputError
from physim_phantoms._checks import require_finite

from .fourier_centre import from_fft_centre, to_fft_centre
from .hdf5 import read_hdf5, write_hdf5
from .mrd_header import EncodingSpace, MRDHeader
from .mrd_xml import header_from_xml, header_to_xml


@dataclass(frozen=True, kw_only=True, eq=False)
class FastMRI:
    """What a fastMRI file holds, in physim's conventions.

    - `kspace`: ascending k about the middle of the box, signal times mm³; kx is the read-out, ky the phase encoding.
    - `reconstruction`: the target image, root sum of squares over coils, cropped to the header's `recon` matrix.
    - `mask`: which ky were sampled.
    """

    kspace: Complex[np.ndarray, "slice coil kx ky"]
    header: MRDHeader
    reconstruction: Float[np.ndarray, "slice x y"] | None
    mask: Bool[np.ndarray, " ky"] | None
    acquisition: str
    patient_id: str


def write_fastmri(
    path: str | Path,
    kspace: object,
    header: MRDHeader,
    *,
    reconstruction: object | None = None,
    mask: object | None = None,
    acquisition: str = "physim",
    patient_id: str = "",
) -> Path:
    """Writes k-space `[slice, coil, kx, ky]` as a multi-coil fastMRI file, which its loaders take; returns the path.

    K-space comes in physim's convention, signal times mm³ about the middle of the box, over the first encoding of
    `header`: its matrix is that of the k-space, its field of view has the slice thickness in third place. In the file
    the image is the centred orthonormal 2-D inverse FFT of `kspace`, voxel on voxel:

        kspace = S(k) exp(2πi k·h/2) / (V sqrt(Mx My)),    h and V the edges and volume of a voxel, h/2 only for even M.

    - `reconstruction`: images `[slice, x, y]` on the `recon` matrix; None: the root sum of squares of `kspace`, or
      nothing where a `mask` says that it is undersampled.
    - `mask`: which ky were sampled, one truth value each. Samples elsewhere are written as they are.
    - `acquisition`: the kind of scan, such as `"AXT1"`; `patient_id`: default, the header's.

    The file is made by `write_hdf5`: whole or not at all, same content same bytes. Raises `InputError` for shapes that
    differ from the header's, NaN, and accelerated encodings whose limits leave lines out of the k-space.
    """
    array, space = _checked(kspace, header)
    stored = (to_fft_centre(array, (2, 3)) / _scale(space, array.shape[2:])).astype(np.complex64)
    arrays: dict[str, object] = {"kspace": stored, "ismrmrd_header": header_to_xml(header)}
    attributes: dict[str, object] = {
        "acquisition": acquisition,
        "patient_id": patient_id or header.patient_id or "unknown",
    }
    if mask is not None:
        arrays["mask"] = _mask(mask, array.shape[3])
    image = _reconstruction(reconstruction, stored, header, mask is None)
    if image is not None:
        arrays["reconstruction_rss"] = image
        attributes |= {"max": float(image.max()), "norm": float(np.linalg.norm(image.astype(np.float64)))}
    return write_hdf5(path, arrays, attributes=attributes)


def read_fastmri(path: str | Path) -> FastMRI:
    """A fastMRI file, multi-coil or single-coil (then with one coil), its k-space in physim's convention.

    Raises `InputError` for a missing, truncated or foreign file, and for a header without matrix or field of view.
    """
    content = read_hdf5(path)
    arrays = content.arrays
    missing = [name for name in ("kspace", "ismrmrd_header") if name not in arrays]
    if missing:
        raise InputError(f"{path} has no {' and no '.join(missing)}; it is no fastMRI file")
    stored = np.asarray(arrays["kspace"])
    stored = stored[:, None] if stored.ndim == 3 else stored
    if stored.ndim != 4 or stored.size == 0 or stored.dtype.kind != "c":
        raise InputError(
            f"{path}: kspace is {stored.dtype} of shape {stored.shape}; it must be complex [slice, coil, kx, ky]"
        )
    try:
        header = header_from_xml(arrays["ismrmrd_header"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    image = arrays.get("reconstruction_rss", arrays.get("reconstruction_esc"))
    scale = _scale(header.encodings[0].encoded, stored.shape[2:])
    return FastMRI(
        kspace=from_fft_centre((stored * scale).astype(np.complex64), (2, 3)),
        header=header,
        reconstruction=None if image is None else np.asarray(image),
        mask=np.asarray(arrays["mask"]).ravel().astype(bool) if "mask" in arrays else None,
        acquisition=str(content.attributes.get("acquisition", "")),
        patient_id=str(content.attributes.get("patient_id", "")),
    )


def _checked(kspace: object, header: MRDHeader) -> tuple[np.ndarray, EncodingSpace]:
    array, encoding = np.asarray(kspace), header.encodings[0]
    space, limit = encoding.encoded, encoding.limits.kspace_encoding_step_1
    if array.ndim != 4 or array.size == 0 or array.dtype.kind != "c":
        raise InputError(
            f"kspace is {array.dtype} of shape {array.shape}; it must be complex [slice, coil, kx, ky], none of them empty"
        )
    if array.shape[2:] != space.matrix[:2]:
        raise InputError(
            f"kspace has {array.shape[2:]} samples in a slice; the header's encoded matrix is {space.matrix}"
        )
    if limit is None or (limit.centre != space.matrix[1] // 2 or limit.maximum >= space.matrix[1]):
        raise InputError(
            f"the limits of kspace_encoding_step_1 are {limit}; k = 0 lies at {space.matrix[1] // 2} of {space.matrix[1]} "
            "lines: leave the limits out, or pad the k-space"
        )
    if any(n > m for n, m in zip(encoding.image.matrix[:2], space.matrix[:2], strict=True)):
        raise InputError(f"the recon matrix {encoding.image.matrix} exceeds the encoded one {space.matrix}")
    require_finite("kspace", array)
    return array, space


def _scale(space: EncodingSpace, matrix: tuple[int, ...]) -> float:
    """What S(k) is divided by: voxel volume in mm³ times the root of the number of samples."""
    count = float(np.prod(matrix))
    return float(np.prod(space.field_of_view)) / space.matrix[2] / count * np.sqrt(count)


def _mask(mask: object, lines: int) -> np.ndarray:
    array = np.asarray(mask)
    if array.shape != (lines,) or not np.all((array == 0) | (array == 1)):
        raise InputError(f"mask has shape {array.shape}; it must have one truth value for each of {lines} ky")
    return array.astype(bool)


def _reconstruction(
    given: object | None, stored: np.ndarray, header: MRDHeader, whole: bool
) -> np.ndarray | None:
    matrix = header.encodings[0].image.matrix[:2]
    if given is None:
        return _cropped(_root_sum_of_squares(stored), matrix) if whole else None
    image, shape = np.asarray(given), (stored.shape[0], *matrix)
    if image.shape != shape or image.dtype.kind != "f":
        raise InputError(
            f"reconstruction is {image.dtype} of shape {image.shape}; it must be real of shape {shape}, as the header's "
            "recon matrix says"
        )
    require_finite("reconstruction", image)
    return image.astype(np.float32)


def _root_sum_of_squares(stored: np.ndarray) -> np.ndarray:
    axes = (2, 3)
    image = np.fft.fftshift(
        np.fft.ifft2(np.fft.ifftshift(stored, axes=axes), axes=axes, norm="ortho"), axes=axes
    )
    return np.sqrt(np.sum(np.abs(image) ** 2, axis=1)).astype(np.float32)


def _cropped(image: np.ndarray, matrix: tuple[int, int]) -> np.ndarray:
    # From floor((N - n) / 2), where the data set's own tools begin.
    first = [(have - want) // 2 for have, want in zip(image.shape[1:], matrix, strict=True)]
    return image[:, first[0] : first[0] + matrix[0], first[1] : first[1] + matrix[1]]
