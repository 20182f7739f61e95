"""One factory for operators that are linear in one argument and smooth in the others: A(p) x and its transpose.

Projectors, encoders, warps and stencils are pairs of JAX primitives made here, so the rules are written once. Tangents
in x go through the operator itself, tangents in the parameters through the derivative of the readable reference, and
reverse mode through the hand-written transpose: no scatter-add, and derivatives of any order.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

import physim_kernels

Operator = Callable[[Any, tuple, Any], Any]
Kernel = Callable[[Any, tuple, Any], Any]


def compiled_call(
    name: str, shape_of: Callable[[Any], tuple[int, ...]], arguments: Callable[[Any, tuple], tuple]
) -> Callable[[Any], Kernel | None]:
    """What `linear_pair` takes as a kernel: from a precision to the call of `name`, or None where it is not live.

    - `shape_of(static)`: of the result. - `arguments(static, parameters)`: what the kernel takes besides x.
    """

    def for_precision(dtype):
        target = physim_kernels.ensure(name, dtype)
        if target is None:
            return None

        def call(static, parameters, x):
            made = jax.ShapeDtypeStruct(shape_of(static), x.dtype)
            return jax.ffi.ffi_call(target, made)(x, *arguments(static, parameters))

        return call

    return for_precision


class LinearPair(NamedTuple):
    """`apply(static, parameters, x)` is A x; `transpose(static, parameters, y)` is Aᵀ y."""

    apply: Operator
    transpose: Operator


def linear_pair(
    name: str,
    forward: Operator,
    transpose: Operator,
    *,
    forward_kernel: Callable[[Any], Kernel | None] | None = None,
    transpose_kernel: Callable[[Any], Kernel | None] | None = None,
    parameter_jvp: Callable | None = None,
) -> LinearPair:
    """Ties a linear map and its transpose into two primitives that know each other.

    - `forward(static, parameters, x) -> y` and `transpose(static, parameters, y) -> x`: JAX references. `static` is
      hashable and says whatever the shapes need; `parameters` is a tuple of arrays.
    - `forward_kernel(dtype)`, `transpose_kernel(dtype)`: give a function of the same signature that calls a compiled
      CPU kernel, or None where there is none; it is used on CPUs in place of the reference.
    - `parameter_jvp(pair, static, parameters, tangents, x, transposed)`: the derivative in the parameters, where the one
      of the reference would not do (a reference with a data-dependent loop, say); tangents may be None.

    Works under jit, vmap, jvp, vjp, `jax.linear_transpose`, and any nesting of them.

        pair = linear_pair("scale", lambda s, p, x: p[0] * x, lambda s, p, y: p[0] * y)
        y = pair.apply((), (factor,), x)
    """
    primitives = Primitive(f"physim_{name}"), Primitive(f"physim_{name}_transpose")
    references = forward, transpose
    kernels = forward_kernel, transpose_kernel

    def bind(side: int, static: Hashable, parameters: tuple, x):
        return primitives[side].bind(jnp.asarray(x), *map(jnp.asarray, parameters), static=static)

    pair = LinearPair(partial(bind, 0), partial(bind, 1))
    for side in (0, 1):
        derivative = parameter_jvp or partial(_reference_jvp, references[side])
        run = partial(_run, references[side], kernels[side])
        _give_rules(primitives, side, run, references[side], partial(derivative, pair), bool(side))
    return pair


def _run(reference: Operator, kernel_for, x, *parameters, static):
    """The compiled kernel on CPUs where there is one for this precision, the reference elsewhere."""
    kernel = kernel_for(x.dtype) if kernel_for else None
    if kernel is None:
        return reference(static, parameters, x)
    return jax.lax.platform_dependent(
        x,
        *parameters,
        cpu=lambda x, *parameters: kernel(static, parameters, x),
        default=lambda x, *parameters: reference(static, parameters, x),
    )


def _reference_jvp(reference: Operator, pair, static, parameters, tangents, x, transposed):
    """The derivative of the reference along parameter tangents, x held."""
    moving = [index for index, tangent in enumerate(tangents) if tangent is not None]

    def of_moving(*values):
        full = list(parameters)
        for index, value in zip(moving, values, strict=True):
            full[index] = value
        return reference(static, tuple(full), x)

    return jax.jvp(of_moving, [parameters[i] for i in moving], [tangents[i] for i in moving])[1]


def _give_rules(primitives, side: int, run, reference: Operator, derivative, transposed: bool) -> None:
    """Abstract evaluation, lowering, JVP, transposition and batching of one of the two primitives."""
    primitive, other = primitives[side], primitives[1 - side]

    @primitive.def_abstract_eval
    def abstract(x, *parameters, static):
        made = jax.eval_shape(
            lambda x, *p: reference(static, p, x),
            *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (x, *parameters)),
        )
        return ShapedArray(made.shape, made.dtype)

    @partial(jax.jit, static_argnames="static")
    def compiled(x, *parameters, static):
        return primitive.bind(x, *parameters, static=static)

    primitive.def_impl(lambda x, *parameters, static: compiled(x, *parameters, static=static))
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))

    def jvp(primals, tangents, *, static):
        x, *parameters = primals
        out = primitive.bind(x, *parameters, static=static)
        moved = [None if type(t) is ad.Zero else t for t in tangents]
        terms = []
        if moved[0] is not None:
            terms.append(primitive.bind(moved[0], *parameters, static=static))
        if any(t is not None for t in moved[1:]):
            terms.append(derivative(static, tuple(parameters), tuple(moved[1:]), x, transposed))
        return out, sum(terms[1:], terms[0]) if terms else ad.Zero(jax.typeof(out).to_tangent_aval())

    ad.primitive_jvps[primitive] = jvp

    def transpose_rule(cotangent, x, *parameters, static):
        if not ad.is_undefined_primal(x) or any(map(ad.is_undefined_primal, parameters)):
            raise TypeError(f"{primitive.name} is linear in its first argument only")
        nothing = [None] * len(parameters)
        if type(cotangent) is ad.Zero:
            return [ad.Zero(x.aval), *nothing]
        return [other.bind(cotangent, *parameters, static=static), *nothing]

    ad.primitive_transposes[primitive] = transpose_rule

    def batch(arguments, axes, *, static):
        mapped = [i for i, axis in enumerate(axes) if axis is not None]
        moved = [jnp.moveaxis(arguments[i], axes[i], 0) for i in mapped]

        def one(values):
            full = list(arguments)
            for i, value in zip(mapped, values, strict=True):
                full[i] = value
            return primitive.bind(*full, static=static)

        return jax.lax.map(one, moved), 0

    batching.primitive_batchers[primitive] = batch
