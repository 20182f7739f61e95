"""HDF5 in and out: named arrays with units on a grid, the same bytes for the same content."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from physim_phantoms import Grid, InputError

from .atomic import atomic_file
from .images import require_file
from .orientation import closest_canonical

SCHEMA, SCHEMA_VERSION = "physim-arrays", 1


@dataclass(frozen=True)
class Hdf5:
    """What such a file holds: nested arrays, their grid, attributes of the file and by array path."""

    arrays: dict[str, Any]
    grid: Grid | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    array_attributes: dict[str, dict[str, Any]] = field(default_factory=dict)


def write_hdf5(
    path: str | Path,
    arrays: Mapping[str, Any],
    grid: Grid | None = None,
    *,
    attributes: Mapping[str, Any] | None = None,
    array_attributes: Mapping[str, Mapping[str, Any]] | None = None,
    compression: int = 1,
) -> Path:
    """Writes a nested mapping of arrays (mappings are groups, `str` is text) to one file; returns the path.

    The file appears whole or not at all.


    - `attributes`: of the file; numbers, text, lists of numbers, or a mapping (kept as JSON).
    - `array_attributes`: `{"images/t1": {"units": "1", "echo_time_s": 0.01}}`, by path of the array.
    - `compression`: gzip level 1-9 after byte shuffling, or 0 for none; complex arrays, mostly noise, are
      never compressed.

    The file is composed in memory, which takes a second copy of the arrays. The root says `schema`,
    `schema_version` and `synthetic`. fastMRI's names (`kspace`, `reconstruction_rss`, `ismrmrd_header`,
    attributes `acquisition`, `max`, `norm`, `patient_id`) pass through as they are.

    Raises `InputError` for an empty name, an array that HDF5 cannot hold, or attributes of an unknown array;
    `OSError` for a full disk or a folder that cannot be written.
    """
    import h5py

    path = Path(path)
    described = dict(array_attributes or {})
    unknown = set(described) - set(_paths(arrays))
    if unknown:
        raise InputError(f"array_attributes names {sorted(unknown)}; the arrays are {sorted(_paths(arrays))}")
    # On a full disk HDF5 itself would fail inside destructors, where no error can be caught.
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver="v110", track_order=False) as file:
        file.attrs.update(schema=SCHEMA, schema_version=SCHEMA_VERSION, synthetic=True)
        for name, value in sorted((attributes or {}).items()):
            file.attrs[name] = _attribute(name, value)
        if grid is not None:
            _write_grid(file.create_group("grid"), grid)
        _write_group(file, arrays, compression)
        for name, values in sorted(described.items()):
            for key, value in sorted(values.items()):
                file[name].attrs[key] = _attribute(f"{name}@{key}", value)
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(memory.getbuffer())
    return path


def read_hdf5(path: str | Path) -> Hdf5:
    """Everything in an HDF5 file, as it was given to `write_hdf5`; other writers' files have no grid.

    Raises `InputError` for a missing, truncated or foreign file, and for a newer schema.
    """
    import h5py

    path = Path(path)
    require_file(path)
    try:
        with h5py.File(path, "r") as file:
            _require_schema(path, file)
            arrays, described = {}, {}
            _read_group(file, arrays, described, "")
            grid = _read_grid(file["grid"]) if _has_grid(file) else None
            if grid is not None:
                arrays.pop("grid", None)
            return Hdf5(arrays, grid, {k: _plain(v) for k, v in file.attrs.items()}, described)
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError) as error:
        line = str(error).strip("'\"").splitlines()[0]
        raise InputError(f"{path} is no readable HDF5 file ({line}); write or fetch it again") from error


def read_hdf5_volume(path: str | Path) -> tuple[np.ndarray, Grid]:
    """The only array in the file that lies on its grid; several are refused, with their names."""
    content = read_hdf5(path)
    if content.grid is None:
        raise InputError(
            f"{path} carries no grid, so its arrays have no place in the world; read it with read_hdf5"
        )
    shape = content.grid.shape
    volumes = {k: v for k, v in _flat(content.arrays) if isinstance(v, np.ndarray) and v.shape == shape}
    if len(volumes) != 1:
        names = ", ".join(sorted(volumes)) or "none"
        raise InputError(
            f"{path} holds {len(volumes)} volumes ({names}); choose one from read_hdf5(path).arrays"
        )
    return closest_canonical(next(iter(volumes.values())), content.grid)


def _write_group(group, arrays: Mapping[str, Any], compression: int) -> None:
    for name, value in sorted(arrays.items()):
        if not name or "/" in name or name == "grid":
            raise InputError(
                f"{name!r} cannot name an array: no empty name, no '/', not 'grid'; nest mappings for groups"
            )
        if isinstance(value, Mapping):
            _write_group(group.create_group(name), value, compression)
        elif isinstance(value, str):
            group.create_dataset(name, data=value, track_times=False)
        else:
            array = np.asarray(value)
            if array.dtype.kind not in "buifc":
                raise InputError(
                    f"array {name!r} holds {array.dtype}; HDF5 files here hold numbers, text or mappings"
                )
            group.create_dataset(name, data=array, track_times=False, **_filters(array, compression))


def _filters(array: np.ndarray, compression: int) -> dict[str, Any]:
    if compression == 0 or array.dtype.kind == "c" or array.nbytes < 4096:
        return {}
    # Whole (y, z) planes, about 1 MB each: a reader that wants one slab unpacks little more than it.
    rows = max(1, 2**20 // max(1, array.nbytes // array.shape[0]))
    chunks = (min(rows, array.shape[0]), *array.shape[1:])
    return {"compression": "gzip", "compression_opts": compression, "shuffle": True, "chunks": chunks}


def _write_grid(group, grid: Grid) -> None:
    group.attrs["shape"] = np.array(grid.shape, dtype=np.int64)
    for name in ("spacing", "origin", "direction"):
        group.attrs[name] = np.asarray(getattr(grid, name), dtype=np.float64)
    group.attrs["units"] = "mm"
    group.attrs["space"] = "RAS+"


def _read_grid(group) -> Grid:
    values = group.attrs
    return Grid(
        tuple(int(n) for n in values["shape"]), values["spacing"], values["origin"], values["direction"]
    )


def _has_grid(file) -> bool:
    return "grid" in file and {"shape", "spacing", "origin", "direction"} <= set(file["grid"].attrs)


def _require_schema(path: Path, file) -> None:
    version = file.attrs.get("schema_version", 0)
    if _plain(file.attrs.get("schema", "")) == SCHEMA and version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}; this physim reads up to {SCHEMA_VERSION}: update physim"
        )


def _read_group(group, arrays: dict, described: dict, prefix: str) -> None:
    import h5py

    for name, item in group.items():
        if isinstance(item, h5py.Group):
            _read_group(item, arrays.setdefault(name, {}), described, f"{prefix}{name}/")
            continue
        text = h5py.check_string_dtype(item.dtype) is not None and item.shape == ()
        arrays[name] = item.asstr()[()] if text else item[()]
        if len(item.attrs):
            described[f"{prefix}{name}"] = {k: _plain(v) for k, v in item.attrs.items()}


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    array = np.asarray(value)
    if array.dtype.kind not in "buifU":
        raise InputError(
            f"attribute {name!r} is {value!r}; it must be a number, text, a list of numbers or a mapping"
        )
    return (
        str(value)
        if array.dtype.kind == "U" and array.ndim == 0
        else (list(value) if array.dtype.kind == "U" else array)
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _flat(arrays: Mapping[str, Any], prefix: str = ""):
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _paths(arrays: Mapping[str, Any]) -> list[str]:
    return [name for name, _ in _flat(arrays)]
