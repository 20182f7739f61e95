"""Arithmetic on vectors of neighbouring numbers, written straight into a kernel's machine code (LLVM)."""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import llvmlite.binding as binding
import llvmlite.ir as ir
from numba import types
from numba.extending import intrinsic

_WIDE = binding.get_host_cpu_features().get("avx512f", False)
WIDTH = {types.float32: 16 if _WIDE else 8, types.float64: 8 if _WIDE else 4}
I32, I64 = ir.IntType(32), ir.IntType(64)


@intrinsic
def lanes(context, real):
    """How many numbers of the type of `real` are treated at a time."""
    width = WIDTH[real]
    return types.int64(real), lambda cg, builder, signature, arguments: I64(width)


@intrinsic
def vector_bytes(context, real):
    """How many bytes they have."""
    size = WIDTH[real] * real.bitwidth // 8
    return types.int64(real), lambda cg, builder, signature, arguments: I64(size)


@intrinsic
def pointer(context, real, address):
    """The address as that of numbers of the type of `real`, for `numba.carray`."""

    def generate(cg, builder, signature, arguments):
        return builder.inttoptr(arguments[1], cg.get_value_type(types.CPointer(real)))

    return types.CPointer(real)(real, types.int64), generate


@intrinsic
def spread(context, real, address, value):
    """Writes one number of the type of `real` into every lane of the vector at an address."""

    def generate(cg, builder, signature, arguments):
        block = Block(builder, cg.get_value_type(real), WIDTH[real])
        block.store(arguments[1], block.spread(arguments[2]))
        return cg.get_dummy_value()

    return types.void(real, types.int64, real), generate


class Block:
    """Arithmetic on vectors of `width` numbers of type `element`."""

    def __init__(self, builder, element, width: int):
        self.builder, self.element, self.width = builder, element, width
        self.vector = ir.VectorType(element, width)
        self.index = ir.VectorType(I32, width)
        self.suffix = f"v{width}f{32 if isinstance(element, ir.FloatType) else 64}"

    def real(self, value):
        """A constant of the element type."""
        return ir.Constant(self.element, float(value))

    def spread(self, value):
        """One number in every lane."""
        one = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), value, I32(0))
        zeros = ir.Constant(self.index, [0] * self.width)
        return self.builder.shuffle_vector(one, ir.Constant(self.vector, ir.Undefined), zeros)

    def constant(self, value):
        """The same constant in every lane."""
        return ir.Constant(self.vector, [float(value)] * self.width)

    def ramp(self):
        """0, 1, 2, ..."""
        return ir.Constant(self.vector, [float(k) for k in range(self.width)])

    def whole_constant(self, value: int):
        """The same whole number in every lane."""
        return ir.Constant(self.index, [value] * self.width)

    def whole(self, values):
        """Whole numbers, cut towards zero."""
        return self.builder.fptosi(values, self.index)

    def add(self, a, b):
        """a + b, which may become part of a fused multiply-add."""
        return self.builder.fadd(a, b, flags=("contract",))

    def subtract(self, a, b):
        """a − b, likewise."""
        return self.builder.fsub(a, b, flags=("contract",))

    def multiply(self, a, b):
        """a b, likewise."""
        return self.builder.fmul(a, b, flags=("contract",))

    def divide(self, a, b):
        """a / b."""
        return self.builder.fdiv(a, b)

    def larger(self, a, b):
        """The larger of both."""
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def smaller(self, a, b):
        """The smaller of both."""
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def where_positive(self, test, a, b):
        """a where test > 0, else b."""
        return self.builder.select(self.builder.fcmp_ordered(">", test, self.constant(0)), a, b)

    def _unary(self, name, a):
        kind = ir.FunctionType(self.vector, [self.vector])
        function = self.builder.module.declare_intrinsic(f"llvm.{name}.{self.suffix}", (), kind)
        return self.builder.call(function, [a])

    def floor(self, a):
        """The largest whole numbers not above a."""
        return self._unary("floor", a)

    def magnitude(self, a):
        """|a|."""
        return self._unary("fabs", a)

    def _pointer(self, address, index):
        first = self.builder.inttoptr(address, self.element.as_pointer())
        place = self.builder.gep(first, [index])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, address, index=None):
        """The vector that begins at element `index` behind an address."""
        return self.builder.load(
            self._pointer(address, I64(0) if index is None else index),
            align=4 if isinstance(self.element, ir.FloatType) else 8,
        )

    def store(self, address, value):
        """A vector to an address."""
        size = 4 if isinstance(self.element, ir.FloatType) else 8
        self.builder.store(value, self._pointer(address, I64(0)), align=size)

    def chosen(self, index, near):
        """What `pick` needs to pick elements `index`, all below the width if `near`, else below twice the width."""
        within = self.builder.and_(index, self.whole_constant(self.width - 1))
        far = None if near else self.builder.icmp_signed(">=", index, self.whole_constant(self.width))
        return within, far

    def pick(self, address, first, chosen):
        """Elements `chosen` of the one or two vectors that begin at element `first` behind an address."""
        within, far = chosen
        values = self._permuted(self.load(address, first), within)
        if far is None:
            return values
        more = self._permuted(self.load(address, self.builder.add(first, I64(self.width))), within)
        return self.builder.select(far, more, values)

    def _permuted(self, vector, index):
        made = ir.Constant(self.vector, ir.Undefined)
        for k in range(self.width):
            chosen = self.builder.extract_element(vector, self.builder.extract_element(index, I32(k)))
            made = self.builder.insert_element(made, chosen, I32(k))
        return made

    def only_first(self, values, count):
        """The first `count` lanes; the others are 0."""
        many = self.builder.insert_element(ir.Constant(self.index, ir.Undefined), count, I32(0))
        zeros = ir.Constant(self.index, [0] * self.width)
        many = self.builder.shuffle_vector(many, ir.Constant(self.index, ir.Undefined), zeros)
        order = ir.Constant(self.index, list(range(self.width)))
        keep = self.builder.icmp_signed("<", order, many)
        return self.builder.select(keep, values, ir.Constant(self.vector, [0.0] * self.width))

    def fold(self, address, count, start, step):
        """Σ step(start − index, address of vector `index`) over index < count, which is at least 1; None if steps give None."""
        builder = self.builder
        before, body, after = builder.block, *(builder.append_basic_block(n) for n in ("fold", "folded"))
        builder.branch(body)
        builder.position_at_end(body)
        index, away, total = builder.phi(I64), builder.phi(self.vector), builder.phi(self.vector)
        size = self.width * (4 if isinstance(self.element, ir.FloatType) else 8)
        part = step(away, builder.add(address, builder.mul(index, I64(size))))
        made = total if part is None else self.add(total, part)
        following = builder.add(index, I64(1))
        steps = (index, I64(0), following), (away, start, self.subtract(away, self.constant(1)))
        for phi, first, then in (*steps, (total, self.constant(0), made)):
            phi.add_incoming(first, before)
            phi.add_incoming(then, body)
        builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        builder.position_at_end(after)
        return None if part is None else made
