"""Builders of sequences: each returns a `mri.Sequence`, to simulate, to draw, or to write to a file."""

from .diffusion import diffusion_echo_planar as diffusion_echo_planar
from .echo_planar import echo_planar as echo_planar
from .fingerprinting import RadialSpokes as RadialSpokes
from .fingerprinting import SingleSample as SingleSample
from .fingerprinting import SpiralInterleaves as SpiralInterleaves
from .fingerprinting import fingerprinting as fingerprinting
from .fingerprinting import half_sine_flip_angles as half_sine_flip_angles
from .free_induction import free_induction_decay as free_induction_decay
from .free_induction import spin_echo_train as spin_echo_train
from .gradient_echo import balanced_ssfp as balanced_ssfp
from .gradient_echo import spoiled_gradient_echo as spoiled_gradient_echo
from .limits import Limits as Limits
from .lines import Slice as Slice
from .lines import Whole as Whole
from .magnetisation_prepared import (
    magnetisation_prepared_gradient_echo as magnetisation_prepared_gradient_echo,
)
from .multi_echo import FlowCompensated as FlowCompensated
from .multi_echo import multi_echo_gradient_echo as multi_echo_gradient_echo
from .preparations import FatSaturation as FatSaturation
from .preparations import Inversion as Inversion
from .preparations import Preparation as Preparation
from .pulses import gaussian_pulse as gaussian_pulse
from .pulses import hard_pulse as hard_pulse
from .pulses import hyperbolic_secant as hyperbolic_secant
from .pulses import sinc_pulse as sinc_pulse
from .radial import radial as radial
from .slr import LinearPhase as LinearPhase
from .slr import MinimumPhase as MinimumPhase
from .slr import slr_pulse as slr_pulse
from .spin_echo import spin_echo as spin_echo
from .spin_echo import turbo_spin_echo as turbo_spin_echo
from .spiral import spiral as spiral
from .spokes import GoldenSpokes as GoldenSpokes
from .spokes import KooshBall as KooshBall
from .spokes import Spokes as Spokes
from .spokes import StackOfStars as StackOfStars
from .spokes import UniformSpokes as UniformSpokes
