"""Rays in one slice of voxels: a vector holds neighbouring planes, so a ray needs no gather and no two lanes meet.

A slice is kept as tiles, `tile[index, lane]`: `lane` counts planes of the rays' main axis, `index` runs across them. Within
a tile a ray moves by less than its planes, so it meets few indices, one vector of voxels each.
"""

# Numba hands an intrinsic its compile context as a first argument that no caller writes.
# pyright: reportCallIssue=false
from numba import types
from numba.extending import intrinsic

from .vectors import WIDTH, Block


def _shares(block, away, width, footprint: bool):
    """How much of a voxel a ray, or a shadow of `width`, meets at a distance, voxels: `ray_paths.share`, lane by lane."""
    one, nothing = block.constant(1), block.constant(0)
    away = block.magnitude(away)
    if not footprint:
        return block.larger(block.subtract(one, away), nothing)
    half = block.multiply(block.constant(0.5), block.add(one, width))
    met = block.smaller(block.larger(block.subtract(half, away), nothing), block.smaller(one, width))
    # A shadow without width is one at the focal spot itself: it meets nothing.
    return block.where_positive(width, block.divide(met, width), nothing)


def _ramp(block, start, step):
    """start + step × lane."""
    return block.add(block.spread(start), block.multiply(block.spread(step), block.ramp()))


def _over_tile(real, footprint, meet):
    """Signature and machine code of a walk over the indices of a tile; `meet(block, share, held, address)` is what is done there.

    `held` is the vector at the first argument's address, to which the sum of what `meet` returns is added, if anything.
    """
    signature = types.void(types.int64, types.int64, types.int64, real, real, real, real, footprint)

    def generate(cg, builder, signature, arguments):
        vector, tile, count, place, slope, width, widening = arguments[:7]
        block = Block(builder, cg.get_value_type(real), WIDTH[real])
        wide, held = block.magnitude(_ramp(block, width, widening)), block.load(vector)
        share = lambda away: _shares(block, away, wide, bool(footprint.literal_value))
        step = lambda away, address: meet(block, share(away), held, address)
        total = block.fold(tile, count, _ramp(block, place, slope), step)
        if total is not None:
            block.store(vector, block.add(held, total))
        return cg.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def tile_sum(context, sums, tile, count, place, slope, width, widening, footprint):
    """sums[lane] += Σ_index tile[index, lane] share(place + slope lane − index, |width + widening lane|), 0 ≤ index < count."""
    return _over_tile(
        place, footprint, lambda block, share, held, address: block.multiply(share, block.load(address))
    )


@intrinsic(prefer_literal=True)
def tile_add(context, values, tile, count, place, slope, width, widening, footprint):
    """tile[index, lane] += values[lane] share(place + slope lane − index, |width + widening lane|), 0 ≤ index < count."""

    def add(block, share, held, address):
        block.store(address, block.add(block.load(address), block.multiply(share, held)))

    return _over_tile(place, footprint, add)


@intrinsic(prefer_literal=True)
def weigh(context, target, source, place, slope, width, widening, ahead, closer, footprint):
    """target[lane] += source[lane] share(place + slope lane, |width + widening lane|) where ahead + closer lane > 0."""
    real = place
    signature = types.void(types.int64, types.int64, real, real, real, real, real, real, footprint)

    def generate(cg, builder, signature, arguments):
        target, source, place, slope, width, widening, ahead, closer = arguments[:8]
        block = Block(builder, cg.get_value_type(real), WIDTH[real])
        wide = block.magnitude(_ramp(block, width, widening))
        share = _shares(block, _ramp(block, place, slope), wide, bool(footprint.literal_value))
        part = block.multiply(share, block.load(source))
        part = block.where_positive(_ramp(block, ahead, closer), part, block.constant(0))
        block.store(target, block.add(block.load(target), part))
        return cg.get_dummy_value()

    return signature, generate
