"""Radiographs: one view through a patient, and the picture that is made of it."""

from .display import Detail as Detail
from .display import Display as Display
from .display import HistogramWindow as HistogramWindow
from .display import SigmoidCurve as SigmoidCurve
from .display import inverted as inverted
from .display import presentation as presentation
from .display import upright as upright
from .expose import behind_grid as behind_grid
from .expose import expose as expose
from .expose import flat_panel as flat_panel
from .expose import primary_transmission as primary_transmission
