"""From an operator along rays to its compiled kernel."""

from collections.abc import Callable

import jax

import physim_kernels


def ray_kernel(name: str, reference: Callable, shape_of: Callable, width_of: Callable) -> Callable:
    """What `linear_pair` asks for: a precision in, and out comes the call of the kernel `name`, or None where it is not live.

    Of the operator's static part, `shape_of` gives the first two axes of the result, and `width_of` the number of
    neighbours between which the kernel interpolates: it needs two, and the reference does the rest.
    """

    def for_precision(dtype):
        target = physim_kernels.ensure(name, dtype)
        if target is None:
            return None

        def call(static, parameters, x):
            if width_of(static) < 2:
                return reference(static, parameters, x)
            made = jax.ShapeDtypeStruct((*shape_of(static), x.shape[2]), x.dtype)
            return jax.ffi.ffi_call(target, made)(x, *parameters)

        return call

    return for_precision
