"""Vectors of neighbouring numbers: sampling a line at evenly spaced places without a gather.

A processor's gather costs as much as its loads one by one. Where places are evenly spaced and not too far apart, those of
one vector fall into a window of one or two vectors of the line, and a permutation of registers picks them: LLVM turns the
extract-and-insert chains of `Block.pick` into one instruction where the processor has it (AVX2, AVX-512), and into plain
code elsewhere.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
from numba import njit, types
from numba.extending import intrinsic

from .ray_paths import floor
from .vectors import I32, I64, WIDTH, Block, lanes

PAD = 64  # zeros that a line needs on both sides: more than a window of two vectors
LINEAR, TRIANGLE, TRAPEZOID = 0, 1, 2  # weights 1 − |away|; half − slope |away|; the same, but at most `top`


@intrinsic(prefer_literal=True)
def add_resampled(context, target, line, place, step, half, slope, top, skip, count, kind, taps, close):
    """target[l] += Σ_t line[n] weight(place + step l − n) for l < count, n = lowest(l) + skip + t.

    - `target`, `line`: addresses of an element; `place` is counted from the line's, which must be the lowest one that a
      lane looks at, less `skip`. - `kind` (a literal): which weights, never below 0. - `taps` (a literal, at most 4)
      elements n are looked at from lowest(l) on, the first above place + step l − half / slope. - `close` (a literal): 1
      if |step| is at most 1, so that all lowest ones lie within one vector; else all taps of all lanes must lie within two
      (see `resample`). - A literal `count` of 0 stands for all lanes.
    """
    real, number, form, near = place, taps.literal_value, kind.literal_value, close.literal_value
    every = isinstance(count, types.Literal)
    whole = (skip, count) if every else (types.int64, types.int64)
    signature = types.void(types.int64, types.int64, *(real,) * 5, *whole, kind, taps, close)

    def generate(cg, builder, signature, arguments):
        target, line, place, step, half, slope, top, skip, count = arguments[:9]
        block = Block(builder, cg.get_value_type(real), WIDTH[real])
        places = block.add(block.spread(place), block.multiply(block.spread(step), block.ramp()))
        lead = builder.fsub(builder.fdiv(half, slope), block.real(1))
        lowest = block.floor(places if form == LINEAR else block.subtract(places, block.spread(lead)))
        # Rounding may move a place onto its neighbour's side of a whole number, where what is left out weighs nothing.
        lowest = block.larger(lowest, block.constant(0))
        if near:
            lowest = block.smaller(lowest, block.constant(block.width - 1))
        chosen = block.chosen(block.whole(lowest), near)
        begin = I64(0) if every else skip
        values = [block.pick(line, builder.add(begin, I64(tap)), chosen) for tap in range(number)]
        away = block.subtract(places, lowest)
        if not every:
            away = block.subtract(away, block.spread(builder.sitofp(skip, block.element)))
        if form == LINEAR:
            total = block.add(values[0], block.multiply(away, block.subtract(values[1], values[0])))
        else:
            total = _weighted(block, values, away, *map(block.spread, (half, slope, top)), form)
        if not every:
            total = block.only_first(total, builder.trunc(count, I32))
        block.store(target, block.add(block.load(target), total))
        return cg.get_dummy_value()

    return signature, generate


def _weighted(block, values, away, half, slope, top, form):
    """Σ_t values[t] weight(away − t)."""
    total = None
    for tap, value in enumerate(values):
        distance = block.magnitude(block.subtract(away, block.constant(tap)))
        weight = block.larger(block.subtract(half, block.multiply(slope, distance)), block.constant(0))
        if form == TRAPEZOID:
            weight = block.smaller(weight, top)
        part = block.multiply(weight, value)
        total = part if total is None else block.add(total, part)
    return total


def _in_whole_vectors(kind: int, taps: int, close: int):
    """`resample` for one form of the weights: those behind `last` get what happens to lie there."""

    @njit(fastmath={"contract"})
    def sample(target, line, begin, step, first, last, half, slope, top):
        real = target.dtype.type
        width, size = lanes(real(0)), target.itemsize
        pace, h, s, t = real(step), real(half), real(slope), real(top)
        # From a vector's first place to its lowest element, counted from the line's start.
        ahead = PAD + min(step * (width - 1), 0.0) - half / slope + 1
        for k in range(first, last + 1, width):
            place = begin + step * k
            lowest = int(place + ahead)
            to, of = target.ctypes.data + k * size, line.ctypes.data + lowest * size
            add_resampled(to, of, real(place - (lowest - PAD)), pace, h, s, t, 0, 0, kind, taps, close)

    return sample


_LINEAR_CLOSE, _LINEAR_FAR = _in_whole_vectors(LINEAR, 2, 1), _in_whole_vectors(LINEAR, 2, 0)
_TRIANGLE_CLOSE, _TRIANGLE_FAR = _in_whole_vectors(TRIANGLE, 2, 1), _in_whole_vectors(TRIANGLE, 3, 0)
_TRAPEZOID_CLOSE, _TRAPEZOID_FAR = _in_whole_vectors(TRAPEZOID, 2, 1), _in_whole_vectors(TRAPEZOID, 3, 0)


@njit(fastmath={"contract"})
def _some_lanes(target, line, begin, step, first, last, half, slope, top, taps, many):
    """`resample` of any step: `many` places at a time, four taps at a time."""
    real = target.dtype.type
    size, length = target.itemsize, line.size - 2 * PAD
    pace, h, s, t = real(step), real(half), real(slope), real(top)
    for k in range(first, last + 1, many):
        count = min(many, last - k + 1)
        place, further = begin + step * k, step * (count - 1)
        lowest = floor(place + min(further, 0.0) - half / slope) + 1
        highest = floor(place + max(further, 0.0) - half / slope) + 1
        to, of = target.ctypes.data + k * size, line.ctypes.data + (PAD + lowest) * size
        for skip in range(0, taps, 4):
            # Windows wholly outside the line hold nothing, and may lie outside its padding.
            if highest + skip + 4 > 0 and lowest + skip < length:
                at = real(place - lowest)
                add_resampled(to, of, at, pace, h, s, t, skip, count, TRAPEZOID, 4, 0)


@njit(inline="always")
def resample(target, line, begin, step, first, last, half, slope, top):
    """target[k] += Σ_n line[PAD + n] clip(half − slope |begin + step k − n|, 0, top) for k = first .. last.

    `target` needs room for a vector behind `last`, where anything may be left; `line` has PAD zeros on both sides. Raises
    nothing: places of `first` and `last` must lie within half / slope of the line.
    """
    width, size = lanes(target.dtype.type(0)), abs(step)
    taps = -floor(-2 * half / slope)
    # So many that the taps of all lanes lie in a window of two vectors.
    many = width if size * (width - 1) <= 2 * width - 5 else max(1, int((2 * width - 5) / size) + 1)
    close, pointed = size <= 1, top >= half
    if many < width or taps > 3:
        _some_lanes(target, line, begin, step, first, last, half, slope, top, taps, many)
    elif pointed and half == 1 and slope == 1:
        if close:
            _LINEAR_CLOSE(target, line, begin, step, first, last, half, slope, top)
        else:
            _LINEAR_FAR(target, line, begin, step, first, last, half, slope, top)
    elif pointed:
        if close and taps <= 2:
            _TRIANGLE_CLOSE(target, line, begin, step, first, last, half, slope, top)
        else:
            _TRIANGLE_FAR(target, line, begin, step, first, last, half, slope, top)
    elif close and taps <= 2:
        _TRAPEZOID_CLOSE(target, line, begin, step, first, last, half, slope, top)
    else:
        _TRAPEZOID_FAR(target, line, begin, step, first, last, half, slope, top)
