"""Vectors of neighbouring numbers: sampling a line at evenly spaced places without a gather.

A processor's gather costs as much as its loads one by one. Where places are evenly spaced and not too far apart, those of
one vector fall into a window of two vectors of the line, and a permutation of registers picks them: LLVM turns the
extract-and-insert chains below into one instruction where the processor has it (AVX2, AVX-512), and into plain code
elsewhere.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
import llvmlite.binding as binding
import llvmlite.ir as ir
from numba import njit, types
from numba.extending import intrinsic

_WIDE = binding.get_host_cpu_features().get("avx512f", False)
WIDTH = {types.float32: 16 if _WIDE else 8, types.float64: 8 if _WIDE else 4}
PAD = 64  # zeros that a line needs on both sides: more than a window of two vectors
_I32, _I64 = ir.IntType(32), ir.IntType(64)


@intrinsic
def lanes(context, real):
    """How many numbers of the type of `real` are treated at a time."""
    width = WIDTH[real]
    return types.int64(real), lambda cg, builder, signature, arguments: _I64(width)


@intrinsic(prefer_literal=True)
def add_resampled(context, target, line, skip, place, step, half, slope, top, gain, count, taps):
    """target[l] += gain Σ_t line[n] clip(half − slope |place + step l − n|, 0, top) for l < count, n = lowest(l) + skip + t.

    - `target`, `line`: addresses of an element; `place` is counted from the line's. - `taps` (a literal, at most 4)
      elements n are looked at, the lowest being the first above place + step l − half / slope. Those of all lanes must lie
      within two vectors of the lowest one (see `resample`), and the line must be readable there.
    """
    real, number = place, taps.literal_value
    signature = types.void(
        types.int64, types.int64, types.int64, real, real, real, real, real, real, types.int64, taps
    )

    def generate(cg, builder, signature, arguments):
        target, line, skip, place, step, half, slope, top, gain, count = arguments[:10]
        block = _Block(builder, cg.get_value_type(real), WIDTH[real])
        one, nothing = block.spread(block.real(1)), block.spread(block.real(0))
        places = block.add(block.spread(place), block.multiply(block.spread(step), block.ramp()))
        lowest = block.add(block.floor(block.subtract(places, block.spread(builder.fdiv(half, slope)))), one)
        lowest = block.add(lowest, block.spread(builder.sitofp(skip, block.element)))
        ends = (
            builder.extract_element(lowest, _I32(0)),
            builder.extract_element(lowest, builder.sub(count, _I64(1))),
        )
        base = builder.select(builder.fcmp_ordered("<", *ends), *ends)
        window = block.load_pair(line, builder.fptosi(base, _I64))
        offset = block.whole(block.subtract(lowest, block.spread(base)))
        total = nothing
        for tap in range(number):
            away = block.subtract(places, block.add(lowest, block.spread(block.real(tap))))
            weight = block.multiply(block.spread(slope), block.magnitude(away))
            weight = block.larger(block.subtract(block.spread(half), weight), nothing)
            value = block.pick(window, builder.add(offset, block.whole_constant(tap)))
            total = block.add(total, block.multiply(block.smaller(weight, block.spread(top)), value))
        total = block.only_first(block.multiply(total, block.spread(gain)), builder.trunc(count, _I32))
        block.store(target, block.add(block.load(target), total))
        return cg.get_dummy_value()

    return signature, generate


@njit(inline="always")
def resample(target, line, begin, step, first, last, half, slope, top, gain):
    """target[k] += gain Σ_n line[PAD + n] clip(half − slope |begin + step k − n|, 0, top) for k = first .. last.

    `target` needs room for a vector behind `last`; `line` has PAD zeros on both sides.
    """
    real = target.dtype.type
    size = target.itemsize
    reach = half / slope
    taps = int(2 * reach)
    taps += 1 if taps < 2 * reach else 0
    width = lanes(real(0))
    # So many that the taps of all lanes lie in a window of two vectors.
    many = width if abs(step) * (width - 1) <= 2 * width - 5 else max(1, int((2 * width - 5) / abs(step)) + 1)
    length = line.size - 2 * PAD
    k = first
    while k <= last:
        place = begin + step * k
        whole = int(place)
        to, of = target.ctypes.data + k * size, line.ctypes.data + (PAD + whole) * size
        count = min(many, last - k + 1)
        at, pace, h, s, t, g = real(place - whole), real(step), real(half), real(slope), real(top), real(gain)
        if taps <= 2:
            add_resampled(to, of, 0, at, pace, h, s, t, g, count, 2)
        elif taps == 3:
            add_resampled(to, of, 0, at, pace, h, s, t, g, count, 3)
        else:
            end = place + step * (count - 1)
            for skip in range(0, taps, 4):
                # Windows wholly outside the line hold nothing, and may lie outside its padding.
                if max(place, end) - reach + skip > -width and min(place, end) - reach + skip < length:
                    add_resampled(to, of, skip, at, pace, h, s, t, g, count, 4)
        k += many


class _Block:
    """Arithmetic on vectors of `width` numbers of type `element`."""

    def __init__(self, builder, element, width: int):
        self.builder, self.element, self.width = builder, element, width
        self.vector = ir.VectorType(element, width)
        self.index = ir.VectorType(_I32, width)
        self.suffix = f"v{width}f{32 if isinstance(element, ir.FloatType) else 64}"

    def real(self, value):
        return ir.Constant(self.element, float(value))

    def spread(self, value):
        one = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), value, _I32(0))
        zeros = ir.Constant(self.index, [0] * self.width)
        return self.builder.shuffle_vector(one, ir.Constant(self.vector, ir.Undefined), zeros)

    def ramp(self):
        return ir.Constant(self.vector, [float(k) for k in range(self.width)])

    def whole_constant(self, value: int):
        return ir.Constant(self.index, [value] * self.width)

    def whole(self, values):
        return self.builder.fptosi(values, self.index)

    def add(self, a, b):
        return self.builder.fadd(a, b, flags=("contract",))

    def subtract(self, a, b):
        return self.builder.fsub(a, b, flags=("contract",))

    def multiply(self, a, b):
        return self.builder.fmul(a, b, flags=("contract",))

    def larger(self, a, b):
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def smaller(self, a, b):
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def _unary(self, name, a):
        kind = ir.FunctionType(self.vector, [self.vector])
        function = self.builder.module.declare_intrinsic(f"llvm.{name}.{self.suffix}", (), kind)
        return self.builder.call(function, [a])

    def floor(self, a):
        return self._unary("floor", a)

    def magnitude(self, a):
        return self._unary("fabs", a)

    def _pointer(self, address, index):
        first = self.builder.inttoptr(address, self.element.as_pointer())
        place = self.builder.gep(first, [index])
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, address, index=None):
        return self.builder.load(
            self._pointer(address, _I64(0) if index is None else index),
            align=4 if isinstance(self.element, ir.FloatType) else 8,
        )

    def store(self, address, value):
        size = 4 if isinstance(self.element, ir.FloatType) else 8
        self.builder.store(value, self._pointer(address, _I64(0)), align=size)

    def load_pair(self, address, index):
        return self.load(address, index), self.load(address, self.builder.add(index, _I64(self.width)))

    def pick(self, window, index):
        """Elements `index` of the two vectors of `window`, one behind the other."""
        within = self.builder.and_(index, self.whole_constant(self.width - 1))
        a, b = (self._permuted(vector, within) for vector in window)
        second = self.builder.icmp_signed(">=", index, self.whole_constant(self.width))
        return self.builder.select(second, b, a)

    def _permuted(self, vector, index):
        made = ir.Constant(self.vector, ir.Undefined)
        for k in range(self.width):
            chosen = self.builder.extract_element(vector, self.builder.extract_element(index, _I32(k)))
            made = self.builder.insert_element(made, chosen, _I32(k))
        return made

    def only_first(self, values, count):
        many = self.builder.insert_element(ir.Constant(self.index, ir.Undefined), count, _I32(0))
        zeros = ir.Constant(self.index, [0] * self.width)
        many = self.builder.shuffle_vector(many, ir.Constant(self.index, ir.Undefined), zeros)
        order = ir.Constant(self.index, list(range(self.width)))
        keep = self.builder.icmp_signed("<", order, many)
        return self.builder.select(keep, values, ir.Constant(self.vector, [0.0] * self.width))
