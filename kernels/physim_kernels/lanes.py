"""Vectors of neighbouring numbers: sampling a line at evenly spaced places without a gather.

A processor's gather costs as much as its loads one by one. Where places are evenly spaced and not too far apart, those of
one vector fall into a window of two vectors of the line, and a permutation of registers picks them: LLVM turns the
extract-and-insert chains below into one instruction where the processor has it (AVX2, AVX-512), and into plain code
elsewhere.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
from numba import njit, types
from numba.extending import intrinsic

from .vectors import I32, I64, WIDTH, Block, lanes

PAD = 64  # zeros that a line needs on both sides: more than a window of two vectors


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
        block = Block(builder, cg.get_value_type(real), WIDTH[real])
        one, nothing = block.spread(block.real(1)), block.spread(block.real(0))
        places = block.add(block.spread(place), block.multiply(block.spread(step), block.ramp()))
        lowest = block.add(block.floor(block.subtract(places, block.spread(builder.fdiv(half, slope)))), one)
        lowest = block.add(lowest, block.spread(builder.sitofp(skip, block.element)))
        ends = (
            builder.extract_element(lowest, I32(0)),
            builder.extract_element(lowest, builder.sub(count, I64(1))),
        )
        base = builder.select(builder.fcmp_ordered("<", *ends), *ends)
        window = block.load_pair(line, builder.fptosi(base, I64))
        offset = block.whole(block.subtract(lowest, block.spread(base)))
        total = nothing
        for tap in range(number):
            away = block.subtract(places, block.add(lowest, block.spread(block.real(tap))))
            weight = block.multiply(block.spread(slope), block.magnitude(away))
            weight = block.larger(block.subtract(block.spread(half), weight), nothing)
            value = block.pick(window, builder.add(offset, block.whole_constant(tap)))
            total = block.add(total, block.multiply(block.smaller(weight, block.spread(top)), value))
        total = block.only_first(block.multiply(total, block.spread(gain)), builder.trunc(count, I32))
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
