"""Biomechanics: how tumours grow and what they do to tissue."""

from .growth import FisherKPP as FisherKPP
from .growth import Strang as Strang
from .growth import grow as grow
from .seed import seed_tumour as seed_tumour
from .therapy import Chemotherapy as Chemotherapy
from .therapy import Radiotherapy as Radiotherapy
from .therapy import Resection as Resection
from .therapy import Treatment as Treatment
from .tumour import Appearance as Appearance
from .tumour import with_tumour as with_tumour
