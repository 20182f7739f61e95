"""From the samples of all coils to an image: one object per method, each with `image(samples, grid)`.

Samples lead with the coil, `[coil kx ky kz]` in the full matrix with anything where nothing was acquired, or
`[coil sample]` along a trajectory; images are in the unit of the samples per mm³.
"""

from .coil_maps import Espirit as Espirit
from .coil_maps import walsh as walsh
from .combine import Combination as Combination
from .combine import RootSumOfSquares as RootSumOfSquares
from .combine import SensitivityWeighted as SensitivityWeighted
from .compressed_sensing import CompressedSensing as CompressedSensing
from .compressed_sensing import Penalty as Penalty
from .compressed_sensing import SparseWavelets as SparseWavelets
from .compressed_sensing import TotalVariation as TotalVariation
from .encodings import CartesianSampling as CartesianSampling
from .encodings import Encoding as Encoding
from .encodings import TrajectorySampling as TrajectorySampling
from .grappa import Grappa as Grappa
from .gridding import Gridding as Gridding
from .gridding import pipe_menon as pipe_menon
from .iterative import ConjugateGradients as ConjugateGradients
from .method import FullySampled as FullySampled
from .method import Reconstruction as Reconstruction
from .partial_fourier import Homodyne as Homodyne
from .partial_fourier import Pocs as Pocs
from .phase_sensitive import phase_sensitive as phase_sensitive
from .sampling import regular_mask as regular_mask
from .segments import Segments as Segments
from .sense import Sense as Sense
from .wavelets import DAUBECHIES_4 as DAUBECHIES_4
from .wavelets import HAAR as HAAR
from .wavelets import Wavelet as Wavelet
from .whitening import noise_covariance as noise_covariance
from .whitening import whitened as whitened
