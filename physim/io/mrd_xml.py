"""The XML header of MRD files: what is in s, rad, mm and T here is in ms, degrees, mm, T and Hz there."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from physim_phantoms import InputError

from .dicom_tags import PROTON_MHZ_PER_TESLA
from .mrd_header import Encoding, EncodingLimits, EncodingSpace, Limit, MRDHeader

NAMESPACE = "http://www.ismrm.org/ISMRMRD"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
_TIMES = (("tr", "TR"), ("te", "TE"), ("ti", "TI"))


def header_to_xml(header: MRDHeader) -> str:
    """The header as an `ismrmrdHeader` document; elements stand in the order that the schema demands."""
    root = Element(
        "ismrmrdHeader",
        {
            "xmlns": NAMESPACE,
            "xmlns:xsi": _SCHEMA,
            "xsi:schemaLocation": f"{NAMESPACE} ismrmrd.xsd",
        },
    )
    _subject(root, header)
    measurement = SubElement(root, "measurementInformation")
    _add(measurement, "patientPosition", header.patient_position)
    _add(measurement, "protocolName", header.protocol)
    system = SubElement(root, "acquisitionSystemInformation")
    _add(system, "systemVendor", header.vendor)
    _add(system, "systemModel", header.model)
    _add(system, "systemFieldStrength_T", _number(header.field))
    _add(system, "receiverChannels", str(header.receiver_channels) if header.receiver_channels else "")
    conditions = SubElement(root, "experimentalConditions")
    _add(conditions, "H1resonanceFrequency_Hz", str(round(header.field * PROTON_MHZ_PER_TESLA * 1e6)))
    for encoding in header.encodings:
        _encoding(SubElement(root, "encoding"), encoding)
    _sequence(root, header)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def header_from_xml(text: str | bytes) -> MRDHeader:
    """The header in an `ismrmrdHeader` document; elements that `MRDHeader` has no place for are passed over.

    Raises `InputError` for broken XML, a missing or unreadable element, and what `MRDHeader` refuses.
    """
    root = _root(text)
    encodings = tuple(_read_encoding(element) for element in root.findall(_path("encoding")))
    sequence = root.find(_path("sequenceParameters"))
    times = {name: _all(sequence, tag, _seconds) for name, tag in _TIMES}
    return MRDHeader(
        encodings=encodings,
        field=_read_field(root),
        receiver_channels=_value(root, "acquisitionSystemInformation/receiverChannels", int, 0),
        flip_angle=_all(sequence, "flipAngle_deg", lambda t: math.radians(float(t))),
        sequence_type=_value(root, "sequenceParameters/sequence_type", str, ""),
        protocol=_value(root, "measurementInformation/protocolName", str, ""),
        vendor=_value(root, "acquisitionSystemInformation/systemVendor", str, ""),
        model=_value(root, "acquisitionSystemInformation/systemModel", str, ""),
        patient_id=_value(root, "subjectInformation/patientID", str, ""),
        patient_name=_value(root, "subjectInformation/patientName", str, ""),
        sex=_value(root, "subjectInformation/patientGender", str, ""),
        weight=_value(root, "subjectInformation/patientWeight_kg", float, None),
        patient_position=_value(root, "measurementInformation/patientPosition", str, "HFS"),
        **times,
    )


def _subject(root: Element, header: MRDHeader) -> None:
    if not (header.patient_id or header.patient_name or header.sex or header.weight is not None):
        return
    subject = SubElement(root, "subjectInformation")
    _add(subject, "patientName", header.patient_name)
    _add(subject, "patientWeight_kg", "" if header.weight is None else _number(header.weight))
    _add(subject, "patientID", header.patient_id)
    _add(subject, "patientGender", header.sex)


def _encoding(parent: Element, encoding: Encoding) -> None:
    for tag, space in (("encodedSpace", encoding.encoded), ("reconSpace", encoding.image)):
        element = SubElement(parent, tag)
        _triple(SubElement(element, "matrixSize"), [str(n) for n in space.matrix])
        _triple(SubElement(element, "fieldOfView_mm"), [_number(length) for length in space.field_of_view])
    limits = SubElement(parent, "encodingLimits")
    for name, limit in vars(encoding.limits).items():
        if limit is not None:
            element = SubElement(limits, name)
            for tag, value in (
                ("minimum", limit.minimum),
                ("maximum", limit.maximum),
                ("center", limit.centre),
            ):
                _add(element, tag, str(value))
    _add(parent, "trajectory", encoding.trajectory)
    if encoding.acceleration != (1, 1) or encoding.calibration:
        parallel = SubElement(parent, "parallelImaging")
        factors = SubElement(parallel, "accelerationFactor")
        for axis, factor in enumerate(encoding.acceleration, start=1):
            _add(factors, f"kspace_encoding_step_{axis}", str(factor))
        _add(parallel, "calibrationMode", encoding.calibration)
    if encoding.echo_train_length is not None:
        _add(parent, "echoTrainLength", str(encoding.echo_train_length))


def _sequence(root: Element, header: MRDHeader) -> None:
    parameters = SubElement(root, "sequenceParameters")
    for name, tag in _TIMES:
        for seconds in getattr(header, name):
            _add(parameters, tag, _number(1000 * seconds))
    for angle in header.flip_angle:  # type: ignore[union-attr]
        _add(parameters, "flipAngle_deg", _number(math.degrees(angle)))
    _add(parameters, "sequence_type", header.sequence_type)


def _triple(parent: Element, values: Sequence[str]) -> None:
    for tag, value in zip("xyz", values, strict=True):
        _add(parent, tag, value)


def _add(parent: Element, tag: str, text: str) -> None:
    if text:
        SubElement(parent, tag).text = text


def _number(value: float) -> str:
    # Twelve digits: 0.03 s become 30 ms and not 30.000000000000004.
    return f"{value:.12g}"


def _root(text: str | bytes) -> Element:
    document = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    if "<!DOCTYPE" in document or "<!ENTITY" in document:
        raise InputError(
            "the MRD header declares a document type; a header is plain elements, without entities"
        )
    try:
        # As text: the declaration of some writers says ASCII and lies.
        root = ElementTree.fromstring(document.rstrip("\0"))
    except ElementTree.ParseError as error:
        raise InputError(
            f"the MRD header is no readable XML ({error}); write or fetch the file again"
        ) from error
    if root.tag != f"{{{NAMESPACE}}}ismrmrdHeader":
        raise InputError(f"the XML header is a {root.tag!r}; it must be an ismrmrdHeader of {NAMESPACE}")
    return root


def _read_encoding(element: Element) -> Encoding:
    found = element.find(_path("encodingLimits"))
    ranges = {
        name: _read_limit(found.find(_path(name)))
        for name in EncodingLimits.__dataclass_fields__
        if found is not None and found.find(_path(name)) is not None
    }
    factor = "parallelImaging/accelerationFactor/kspace_encoding_step_"
    return Encoding(
        encoded=_read_space(element, "encodedSpace"),
        recon=_read_space(element, "reconSpace"),
        limits=EncodingLimits(**ranges),
        trajectory=_value(element, "trajectory", str, "other"),
        acceleration=(_value(element, f"{factor}1", int, 1), _value(element, f"{factor}2", int, 1)),
        calibration=_value(element, "parallelImaging/calibrationMode", str, ""),
        echo_train_length=_value(element, "echoTrainLength", int, None),
    )


def _read_space(element: Element, name: str) -> EncodingSpace:
    matrix = tuple(_value(element, f"{name}/matrixSize/{axis}", int) for axis in "xyz")
    view = tuple(_value(element, f"{name}/fieldOfView_mm/{axis}", float) for axis in "xyz")
    return EncodingSpace(matrix, view)  # type: ignore[arg-type]


def _read_limit(element: Element | None) -> Limit:
    assert element is not None
    return Limit(*(_value(element, tag, int, 0) for tag in ("minimum", "maximum", "center")))


def _read_field(root: Element) -> float:
    field = _value(root, "acquisitionSystemInformation/systemFieldStrength_T", float, None)
    if field is not None:
        return field
    return _value(root, "experimentalConditions/H1resonanceFrequency_Hz", float) / (
        PROTON_MHZ_PER_TESLA * 1e6
    )


_MISSING = object()


def _value(parent: Element, path: str, convert: Callable, default: object = _MISSING) -> Any:
    element = parent.find(_path(path))
    if element is None or not (element.text or "").strip():
        if default is _MISSING:
            raise InputError(f"the MRD header has no {path}; write the file again with it")
        return default
    return _converted(path, (element.text or "").strip(), convert)


def _all(parent: Element | None, tag: str, convert: Callable) -> tuple:
    elements = [] if parent is None else parent.findall(_path(tag))
    return tuple(_converted(tag, (element.text or "").strip(), convert) for element in elements)


def _converted(path: str, text: str, convert: Callable):
    try:
        return convert(text)
    except ValueError as error:
        raise InputError(f"the MRD header has {text!r} as {path}; it must be a number") from error


def _seconds(milliseconds: str) -> float:
    # In decimal: 4.9 ms are 0.0049 s, and not 0.004900000000000001 s.
    return float(milliseconds) and float(Decimal(milliseconds).scaleb(-3))


def _path(path: str) -> str:
    return "/".join(f"{{{NAMESPACE}}}{tag}" for tag in path.split("/"))
