"""Builders of sequences: each returns a `mri.Sequence`, to simulate, to draw, or to write to a file."""

from .echo_planar import echo_planar as echo_planar
from .free_induction import free_induction_decay as free_induction_decay
from .free_induction import spin_echo_train as spin_echo_train
from .gradient_echo import balanced_ssfp as balanced_ssfp
from .gradient_echo import spoiled_gradient_echo as spoiled_gradient_echo
from .limits import Limits as Limits
from .lines import Slice as Slice
from .lines import Whole as Whole
from .pulses import hard_pulse as hard_pulse
from .pulses import hyperbolic_secant as hyperbolic_secant
from .pulses import sinc_pulse as sinc_pulse
from .saturation_transfer import ContinuousWave as ContinuousWave
from .saturation_transfer import GaussianTrain as GaussianTrain
from .saturation_transfer import saturation_transfer as saturation_transfer
