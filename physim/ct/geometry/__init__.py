"""Where rays run: scanner geometries as small objects whose every number is traced."""

from .adjust import during_view as during_view
from .adjust import flying_focal_spot as flying_focal_spot
from .adjust import misaligned as misaligned
from .adjust import shifted_detector as shifted_detector
from .adjust import some_views as some_views
from .cone import ConeBeam as ConeBeam
from .cone import Sweep as Sweep
from .cone import per_view as per_view
from .orbits import circular_cone as circular_cone
from .orbits import fan_beam as fan_beam
from .orbits import helical_cone as helical_cone
from .orbits import radiograph as radiograph
from .parallel import ParallelBeam as ParallelBeam
from .parallel import parallel_beam as parallel_beam
from .rays import Geometry as Geometry
from .rays import Rays as Rays
from .rays import beam_angles as beam_angles
from .rays import n_views as n_views
from .rays import rays as rays
from .rays import solid_angles as solid_angles
from .rays import view_angles as view_angles
