"""Images by phase graphs: every voxel as a sum of configurations, with the whole history of the gradients."""

from .graph import ConfigurationGraph as ConfigurationGraph
from .plan import graph_of as graph_of
from .signal import signal_of as signal_of
from .voxels import PhaseGraph as PhaseGraph
