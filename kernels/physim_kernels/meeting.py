"""Where rays from the source through voxels meet the columns of an upright detector, a row of voxels at a time.

The equations and the 14 numbers of a view are those of `back_projection`.
"""

import numpy as np
from numba import njit

# Moshier's Cephes library, atan.c: atan(x) = x + x z P(z) / Q(z) with z = x², for |x| up to 0.66, to double precision.
_P = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
_Q = (
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)


@njit(inline="always")
def arctan(x, real):
    """The angle whose tangent is x, for angles up to 78°, without branches."""
    size = abs(x)
    steep = size > real(0.66)
    reduced = (size - real(1)) / (size + real(1)) if steep else size
    z = reduced * reduced
    above = real(_P[0])
    above = above * z + real(_P[1])
    above = above * z + real(_P[2])
    above = above * z + real(_P[3])
    above = above * z + real(_P[4])
    below = z + real(_Q[0])
    below = below * z + real(_Q[1])
    below = below * z + real(_Q[2])
    below = below * z + real(_Q[3])
    below = below * z + real(_Q[4])
    angle = reduced + reduced * z * above / below
    angle = angle + real(0.78539816339744830962) if steep else angle
    return -angle if x < real(0) else angle


@njit(inline="always")
def meet_row(p, i, first, met):
    """`met` [number, n] = column, `far`, weight and y of the voxels (i, first + n, ·): loops without branches, which vectorise.

    y is 0 or less behind the source.
    """
    real = met.dtype.type
    x0, y0 = p[0] + p[1] * real(i) + p[2] * real(first), p[3] + p[4] * real(i) + p[5] * real(first)
    x_step, y_step, centre, scale = p[2], p[5], p[6], p[7]
    if not p[13] > real(0):
        for n in range(met.shape[1]):
            x, y = x0 + x_step * real(n), y0 + y_step * real(n)
            far = real(1) / y
            met[0, n], met[1, n], met[2, n], met[3, n] = centre + scale * x * far, far, far * far, y
        return
    u, v, tiny = p[11], p[12], real(1e-12)
    ahead = u * u + v * v + real(2) * v
    for n in range(met.shape[1]):
        x, y = x0 + x_step * real(n), y0 + y_step * real(n)
        square, half = x * x + y * y, u * x + v * y + y
        under = half * half - square * ahead
        far = -ahead / (half + np.sqrt(under if under > tiny else tiny))
        hit = arctan((u + far * x) / (real(1) + v + far * y), real)
        met[0, n], met[1, n], met[2, n], met[3, n] = centre + scale * hit, far, real(1) / square, y
