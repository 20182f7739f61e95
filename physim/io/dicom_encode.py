"""DICOM files as bytes: explicit VR, little endian, elements in the order of their tags."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from .dicom_tags import unique_id

if TYPE_CHECKING:
    from pydicom import Dataset

_PIXEL_DATA = 0x7FE00010


class Template:
    """The encoded elements that all files of a series share; a file encodes only what differs, which is much faster."""

    def __init__(self, common: Dataset):
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import UID, ExplicitVRLittleEndian

        self._elements = _encoded(common)
        meta = FileMetaDataset()
        meta.FileMetaInformationVersion = b"\x00\x01"
        meta.MediaStorageSOPClassUID = common.SOPClassUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = UID(unique_id("implementation class"))
        meta.ImplementationVersionName = "PHYSIM"
        self._meta = _encoded(meta)

    def file(self, own: Dataset, pixels: bytes) -> bytes:
        """The bytes of one file: preamble, file meta group, all elements in the order of their tags."""
        from pydicom.dataset import FileMetaDataset

        instance = FileMetaDataset()
        instance.MediaStorageSOPInstanceUID = own.SOPInstanceUID
        meta = _joined(self._meta | _encoded(instance))
        head = bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
        data = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, len(pixels)) + pixels
        return head + meta + _joined(self._elements | _encoded(own) | {_PIXEL_DATA: data})


def _joined(elements: dict[int, bytes]) -> bytes:
    return b"".join(elements[tag] for tag in sorted(elements))


def _encoded(data: Dataset) -> dict[int, bytes]:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    encoded = {}
    for element in data:
        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        write_data_element(buffer, element, "utf8")
        encoded[int(element.tag)] = buffer.getvalue()
    return encoded
