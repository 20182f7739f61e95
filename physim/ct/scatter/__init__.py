"""Scattered radiation and the grids against it."""

from .antiscatter import AntiscatterGrid as AntiscatterGrid
from .antiscatter import bucky as bucky
from .antiscatter import fibre as fibre
from .antiscatter import lead as lead
from .antiscatter import scanner_grid as scanner_grid
from .antiscatter import strip_grid as strip_grid
from .antiscatter import tungsten as tungsten
from .convolution import ConvolutionScatter as ConvolutionScatter
from .convolution import ScatterKernels as ScatterKernels
from .convolution import convolution_scatter as convolution_scatter
from .convolution import water_kernels as water_kernels
