"""Two ways to integrate along a ray: at points, or over the width of a pixel."""

import equinox as eqx


class Joseph(eqx.Module):
    """Rays without width through a linearly interpolated volume: fast, and smooth in the geometry.

    Joseph, IEEE Trans. Med. Imaging 1 (1982) 192. Good for pixels about as fine as the voxels; coarser ones are not
    averaged over.
    """

    @property
    def footprint(self) -> bool:
        """Whether pixels and voxels have a width."""
        return False


class DistanceDriven(eqx.Module):
    """Pixels and voxels of finite width: the shadow of a pixel on every plane of voxels, overlap by overlap.

    De Man and Basu, Phys. Med. Biol. 49 (2004) 2463. Separable: a box along each axis of the plane, whose width is that
    of the pixel's shadow along it (for turned detectors the root of the sum of the squares of its columns' and rows'
    shadows, which keeps its second moment). Good wherever pixels or voxels are coarse: it neither aliases nor misses
    voxels. Voxels are boxes, so against a smooth function it is less accurate than Joseph's on fine grids.
    """

    @property
    def footprint(self) -> bool:
        """Whether pixels and voxels have a width."""
        return True


Model = Joseph | DistanceDriven
