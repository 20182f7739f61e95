"""Phantoms on disk: one HDF5 file with the grid, the tissues' values and the mixture."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ._checks import InputError, is_concrete
from .attenuation import ELEMENTS
from .grid import Grid
from .tissue import RANGES, Tissue

if TYPE_CHECKING:
    from .phantom import Phantom

SCHEMA, SCHEMA_VERSION = "physim-phantom", 1
_YOUNGER = (
    "chemical_shift",
)  # properties that files of earlier releases lack: the constructor's default stands for them
_SUM_TOLERANCE = 1e-3


def save(phantom: Phantom, path: str | Path) -> Path:
    """Writes a phantom to one HDF5 file, which appears whole or not at all; returns the path.

    The same phantom gives the same bytes. Missing parent folders are made; composing takes a second copy in memory.

    Raises `InputError` for a traced phantom or tissue values that no material can have; `OSError` for a full disk or a
    folder that cannot be written.
    """
    import h5py

    if not all(map(is_concrete, jax.tree.leaves(phantom))):
        raise InputError(
            "a phantom can only be saved outside jit, grad and vmap; return it from the function first"
        )
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver="v110", track_order=False) as file:
        file.attrs.update(schema=SCHEMA, schema_version=SCHEMA_VERSION, synthetic=True)
        _write_grid(file.create_group("grid"), phantom.grid)
        _write_tissues(file.create_group("tissues"), phantom.tissues)
        for name in ("ids", "fractions"):
            _write_array(file, name, np.asarray(getattr(phantom, name)))
    return _move_into_place(memory.getbuffer(), Path(path))


def load(path: str | Path) -> Phantom:
    """Reads what `save` wrote, with the same values; raises `InputError` for a missing, damaged or foreign file."""
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is no file; give the path of a phantom that Phantom.save wrote")
    try:
        with h5py.File(path, "r") as file:
            _require_schema(path, file)
            return _read(file)
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, InputError) and str(path) in str(error):
            raise
        line = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no readable phantom ({line}); save or fetch it again") from error


def _read(file) -> Phantom:
    from .phantom import Phantom

    values = file["grid"].attrs
    shape = tuple(int(n) for n in values["shape"])
    grid = Grid(shape, values["spacing"], values["origin"], values["direction"])
    tissues = _read_tissues(file["tissues"])
    ids, fractions = file["ids"][()], file["fractions"][()]
    _require_mixture(grid, tissues, ids, fractions)
    return Phantom(grid, tissues, jnp.asarray(ids), jnp.asarray(fractions))


def _write_grid(group, grid: Grid) -> None:
    group.attrs["shape"] = np.array(grid.shape, dtype=np.int64)
    for name in ("spacing", "origin", "direction"):
        group.attrs[name] = np.asarray(getattr(grid, name), dtype=np.float64)
    group.attrs.update(units="mm", space="RAS+")


def _write_tissues(group, tissues: tuple[Tissue, ...]) -> None:
    checked = [
        tissue.replace() for tissue in tissues
    ]  # values that were set past the constructor are refused here
    columns: dict[str, Any] = {"name": [tissue.name for tissue in checked]}
    columns["citation"] = [json.dumps(tissue.citation, ensure_ascii=False) for tissue in checked]
    for name, texts in columns.items():
        group.create_dataset(name, data=[text.encode() for text in texts], track_times=False)
    for name in ("mass_fractions", *RANGES):
        values = np.stack([np.asarray(getattr(tissue, name), np.float64) for tissue in checked])
        group.create_dataset(name, data=values, track_times=False)
        if name in RANGES:
            group[name].attrs["unit"] = RANGES[name][2]
    group["mass_fractions"].attrs["elements"] = " ".join(ELEMENTS)


def _write_array(file, name: str, array: np.ndarray) -> None:
    # One component's (y, z) planes, about 1 MB together: a reader that wants one slab unpacks little more.
    rows = max(1, min(array.shape[1], 2**20 // max(1, array[0, 0].nbytes))) if array.size else 1
    filters: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    chunks = {"chunks": (1, rows, *array.shape[2:]), **filters} if array.nbytes > 4096 else {}
    file.create_dataset(name, data=array, track_times=False, **chunks)


def _read_tissues(group) -> tuple[Tissue, ...]:
    names = [text.decode() for text in group["name"][()]]
    citations = [dict(json.loads(text.decode())) for text in group["citation"][()]]
    columns = {name: group[name][()] for name in RANGES if name in group or name not in _YOUNGER}
    compositions = group["mass_fractions"][()]
    return tuple(
        Tissue(
            name,
            composition=compositions[number],
            citation=citations[number],
            **{column: values[number] for column, values in columns.items()},
        )
        for number, name in enumerate(names)
    )


def _require_schema(path: Path, file) -> None:
    schema, version = file.attrs.get("schema", ""), int(file.attrs.get("schema_version", 0))
    if schema != SCHEMA:
        raise InputError(
            f"{path} is an HDF5 file, but no phantom (its schema is {schema!r}); save one with Phantom.save"
        )
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema version {version}; this physim reads up to {SCHEMA_VERSION}: update physim"
        )


def _require_mixture(grid: Grid, tissues, ids: np.ndarray, fractions: np.ndarray) -> None:
    components = ids.shape[0] if ids.ndim == 4 else 0
    if ids.dtype != np.uint8 or components < 1 or ids.shape[1:] != grid.shape:
        raise InputError(f"ids are {ids.dtype} of shape {ids.shape} on a grid of {grid.shape}")
    if fractions.dtype.kind != "f" or fractions.shape != (components - 1, *grid.shape):
        raise InputError(
            f"fractions are {fractions.dtype} of shape {fractions.shape} beside ids of shape {ids.shape}"
        )
    if ids.max() >= len(tissues):
        raise InputError(f"ids reach {ids.max()}, but there are {len(tissues)} tissues")
    if fractions.size and not (
        fractions.min() >= -_SUM_TOLERANCE and fractions.sum(axis=0).max() <= 1 + _SUM_TOLERANCE
    ):
        raise InputError("some fractions are NaN, negative or sum above 1")


def _move_into_place(content: memoryview, path: Path) -> Path:
    """Writes under a temporary name beside the target, flushes, renames; on an error nothing is left."""
    temporary = path.parent / f".physim-{os.getpid()}-{secrets.token_hex(4)}-{path.name[-150:]}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise type(error)(
            f"cannot write {path} ({error.strerror}); choose another folder or free some space"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder itself may be what is wrong
            temporary.unlink(missing_ok=True)
    return path
