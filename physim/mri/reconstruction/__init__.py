"""From the samples of all coils to an image: one object per method, each with `image(samples, grid)`.

Samples lead with the coil, `[coil kx ky kz]` in the full matrix with anything where nothing was acquired, or
`[coil sample]` along a trajectory; images are in the unit of the samples per mm³.
"""

from .coil_maps import Espirit as Espirit
from .coil_maps import walsh as walsh
from .combine import Combination as Combination
from .combine import RootSumOfSquares as RootSumOfSquares
from .combine import SensitivityWeighted as SensitivityWeighted
from .grappa import Grappa as Grappa
from .method import FullySampled as FullySampled
from .method import Reconstruction as Reconstruction
from .sampling import regular_mask as regular_mask
from .sense import Sense as Sense
from .whitening import noise_covariance as noise_covariance
from .whitening import whitened as whitened
