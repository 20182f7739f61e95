"""The bridge from Numba to XLA: the only file that knows the layout of XLA's typed foreign-function interface.

XLA calls a handler `XLA_FFI_Error* handler(XLA_FFI_CallFrame*)`. A handler here is a `numba.cfunc` of one address; the
helpers below read the frame as 64-bit words. Source of the layout: `xla/ffi/api/c_api.h`, shipped with jaxlib
(`jax.ffi.include_dir()`), API 0.1 to 0.3; `struct_size` words are checked, so a changed layout is refused, not read.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import ctypes

import jax
import llvmlite.ir as ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# Offsets in 64-bit words.
FRAME_EXTENSION, FRAME_API, FRAME_ARGUMENTS, FRAME_RESULTS = 1, 2, 5, 10
LIST_COUNT, LIST_ITEMS = 2, 4
BUFFER_DTYPE, BUFFER_DATA, BUFFER_RANK, BUFFER_DIMS = 2, 3, 4, 5
EXTENSION_TYPE, EXTENSION_METADATA = 1, 3
METADATA_MAJOR_MINOR = 3
API_MAJOR_MINOR, API_ERROR_CREATE = 4, 6
FRAME_BYTES, BUFFER_BYTES = 168, 48

INVALID_ARGUMENT = 3
INT32, FLOAT32, FLOAT64 = 4, 11, 12  # XLA_FFI_DataType
COMPLEX = {FLOAT32: 15, FLOAT64: 18}  # of numbers whose parts are of that type


@intrinsic
def load_word(context, address, offset):
    """The 64-bit word at `address + 8 * offset`."""

    def generate(cg, builder, signature, arguments):
        word = cg.get_value_type(types.int64)
        pointer = builder.inttoptr(arguments[0], word.as_pointer())
        return builder.load(builder.gep(pointer, [arguments[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def store_word(context, address, offset, value):
    """Writes `value` to `address + 8 * offset`."""

    def generate(cg, builder, signature, arguments):
        word = cg.get_value_type(types.int64)
        pointer = builder.inttoptr(arguments[0], word.as_pointer())
        builder.store(arguments[2], builder.gep(pointer, [arguments[1]]))
        return cg.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def as_pointer(context, address, dtype):
    """The address as a typed pointer, for `numba.carray`."""
    pointee = dtype.dtype

    def generate(cg, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cg.get_value_type(types.CPointer(pointee)))

    return types.CPointer(pointee)(types.int64, dtype), generate


@intrinsic
def call_address(context, function, argument):
    """Calls the C function at an address with one pointer-sized argument; returns its pointer-sized result."""

    def generate(cg, builder, signature, arguments):
        word = ir.IntType(64)
        pointer = builder.inttoptr(arguments[0], ir.FunctionType(word, [word]).as_pointer())
        return builder.call(pointer, [arguments[1]])

    return types.int64(types.int64, types.int64), generate


@intrinsic(prefer_literal=True)
def message_address(context, text):
    """The address of a constant C string."""
    value = text.literal_value

    def generate(cg, builder, signature, arguments):
        pointer = cg.insert_const_string(builder.module, value)
        return builder.ptrtoint(pointer, cg.get_value_type(types.int64))

    return types.int64(text), generate


@intrinsic(prefer_literal=True)
def stack_words(context, count):
    """The address of `count` zeroed words on the stack."""
    size = count.literal_value

    def generate(cg, builder, signature, arguments):
        block = cgutils.alloca_once(builder, ir.ArrayType(ir.IntType(64), size), zfill=True)
        return builder.ptrtoint(block, ir.IntType(64))

    return types.int64(count), generate


@njit(inline="always")
def is_query(frame):
    """Whether XLA asks who the handler is (once, at registration) instead of calling it."""
    extension = load_word(frame, FRAME_EXTENSION)
    return extension != 0 and (load_word(extension, EXTENSION_TYPE) & 0xFFFFFFFF) == 1


@njit(inline="always")
def answer_query(frame):
    """Tells XLA that the handler speaks the API version that XLA itself announces, and is otherwise plain."""
    metadata = load_word(load_word(frame, FRAME_EXTENSION), EXTENSION_METADATA)
    version = load_word(load_word(frame, FRAME_API), API_MAJOR_MINOR)
    store_word(metadata, METADATA_MAJOR_MINOR, version)
    return 0


@njit(inline="always")
def argument(frame, index):
    """The address of an argument's buffer."""
    return load_word(load_word(frame, FRAME_ARGUMENTS + LIST_ITEMS), index)


@njit(inline="always")
def result(frame, index):
    """The address of a result's buffer."""
    return load_word(load_word(frame, FRAME_RESULTS + LIST_ITEMS), index)


@njit(inline="always")
def fits(buffer, code, rank):
    """Whether a buffer has the element type `code` and `rank` dimensions, in the layout this file knows."""
    return (
        load_word(buffer, 0) >= BUFFER_BYTES
        and (load_word(buffer, BUFFER_DTYPE) & 0xFFFFFFFF) == code
        and load_word(buffer, BUFFER_RANK) == rank
    )


@njit(inline="always")
def takes(frame, arguments, results):
    """Whether a call has this many arguments and results, in the layout this file knows."""
    return (
        load_word(frame, 0) >= FRAME_BYTES
        and load_word(frame, FRAME_ARGUMENTS + LIST_COUNT) == arguments
        and load_word(frame, FRAME_RESULTS + LIST_COUNT) == results
    )


@njit(inline="always")
def size(buffer, axis):
    """The length of a buffer along one axis."""
    return load_word(load_word(buffer, BUFFER_DIMS), axis)


@njit(inline="always")
def has_shape(buffer, shape):
    """Whether a 3-D buffer has this shape."""
    return size(buffer, 0) == shape[0] and size(buffer, 1) == shape[1] and size(buffer, 2) == shape[2]


@njit(inline="always")
def data(buffer):
    """The address of a buffer's first element."""
    return load_word(buffer, BUFFER_DATA)


@njit(inline="always")
def refuse(frame, message):
    """The FFI error INVALID_ARGUMENT with a constant message; a handler returns it."""
    words = stack_words(4)
    store_word(words, 0, 28)
    store_word(words, 2, message_address(message))
    store_word(words, 3, INVALID_ARGUMENT)
    return call_address(load_word(load_word(frame, FRAME_API), API_ERROR_CREATE), words)


def handler(function):
    """Compiles a function of a frame's address into a C function, cached on disk beside its file."""
    return cfunc("int64(int64)", cache=True)(function)


def register(name: str, compiled) -> None:
    """Makes a compiled handler known to XLA on the CPU under `name`; the handler must stay referenced."""
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.restype = ctypes.py_object
    new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target(
        name, new_capsule(compiled.address, None, None), platform="cpu", api_version=1
    )
