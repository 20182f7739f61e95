"""Files in and out: NIfTI, DICOM, HDF5 and raw MR data (MRD, fastMRI), atomic writes, and the checked fetcher of real data.

The only place where other units exist: inside physim lengths are mm, times s, angles rad; here they
become what the format asks for. Everything loads on first use, so that importing `physim.io` is free.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .atomic import atomic_file, atomic_folder, file_errors, remove_stale, sha256
    from .dicom_radiograph import DXSeries, write_dicom_radiograph
    from .dicom_read import list_series, read_dicom_folder
    from .dicom_tags import Case, CTSeries, MRSeries
    from .dicom_write import write_dicom_series
    from .fastmri import FastMRI, read_fastmri, write_fastmri
    from .fetcher import cache_folder, fetch, is_present
    from .fourier_centre import from_fft_centre, to_fft_centre
    from .hdf5 import Hdf5, read_hdf5, write_hdf5
    from .images import read_image
    from .loaders import load_cranium_ct, load_lung_ct, load_mni152
    from .mrd import MRD, read_mrd, write_mrd
    from .mrd_acquisitions import AcquisitionFlag, Counters, RawAcquisitions
    from .mrd_cartesian import cartesian_acquisitions, cartesian_kspace
    from .mrd_header import Encoding, EncodingLimits, EncodingSpace, Limit, MRDHeader
    from .nifti import read_nifti, write_nifti
    from .nrrd import read_nrrd
    from .sources import SOURCES, Source

_HOME = {
    "atomic": ("atomic_file", "atomic_folder", "file_errors", "remove_stale", "sha256"),
    "dicom_read": ("list_series", "read_dicom_folder"),
    "dicom_radiograph": ("DXSeries", "write_dicom_radiograph"),
    "dicom_tags": ("CTSeries", "Case", "MRSeries"),
    "dicom_write": ("write_dicom_series",),
    "fastmri": ("FastMRI", "read_fastmri", "write_fastmri"),
    "fetcher": ("cache_folder", "fetch", "is_present"),
    "fourier_centre": ("from_fft_centre", "to_fft_centre"),
    "hdf5": ("Hdf5", "read_hdf5", "write_hdf5"),
    "images": ("read_image",),
    "loaders": ("load_cranium_ct", "load_lung_ct", "load_mni152"),
    "mrd": ("MRD", "read_mrd", "write_mrd"),
    "mrd_acquisitions": ("AcquisitionFlag", "Counters", "RawAcquisitions"),
    "mrd_cartesian": ("cartesian_acquisitions", "cartesian_kspace"),
    "mrd_header": ("Encoding", "EncodingLimits", "EncodingSpace", "Limit", "MRDHeader"),
    "nifti": ("read_nifti", "write_nifti"),
    "nrrd": ("read_nrrd",),
    "sources": ("SOURCES", "Source"),
}
__all__ = [
    "MRD",
    "SOURCES",
    "AcquisitionFlag",
    "CTSeries",
    "Case",
    "Counters",
    "DXSeries",
    "Encoding",
    "EncodingLimits",
    "EncodingSpace",
    "FastMRI",
    "Hdf5",
    "Limit",
    "MRDHeader",
    "MRSeries",
    "RawAcquisitions",
    "Source",
    "atomic_file",
    "atomic_folder",
    "cache_folder",
    "cartesian_acquisitions",
    "cartesian_kspace",
    "fetch",
    "file_errors",
    "from_fft_centre",
    "is_present",
    "list_series",
    "load_cranium_ct",
    "load_lung_ct",
    "load_mni152",
    "read_dicom_folder",
    "read_fastmri",
    "read_hdf5",
    "read_image",
    "read_mrd",
    "read_nifti",
    "read_nrrd",
    "remove_stale",
    "sha256",
    "to_fft_centre",
    "write_dicom_radiograph",
    "write_dicom_series",
    "write_fastmri",
    "write_hdf5",
    "write_mrd",
    "write_nifti",
]


def __getattr__(name: str):
    for home, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
