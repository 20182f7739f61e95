"""Whether a sequence weights by diffusion, which isochromats of a patient do not know."""

from __future__ import annotations

import warnings

import numpy as np

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError

from .sequence.blocks import Sequence
from .sequence.diffusion import b_matrix

SHARE = 0.05  # of a tissue's signal that may be missing unsaid


class DiffusionWarning(UserWarning):
    """A sequence weights by diffusion, and points do not diffuse: the image lacks the weighting."""


def warn_of_diffusion(sequence: Sequence, patient: Phantom) -> None:
    """One `DiffusionWarning` where b at k = 0 would take more than 5 % of some tissue's signal.

    Of gradients between an excitation and its own echo; what spoilers do to stored magnetisation is not looked at.

    Good values: before spins that are points are played a sequence.
    """
    try:
        b = float(np.trace(b_matrix(sequence)))
    except InputError:  # no excitation before the samples: nothing is weighted
        return
    lost = {tissue.name: 1 - np.exp(-b * float(np.asarray(tissue.diffusivity))) for tissue in patient.tissues}
    name = max(lost, key=lost.__getitem__)
    if lost[name] > SHARE:
        warnings.warn(
            f"b is {b:.4g} s/mm² and would take {100 * lost[name]:.2g} % of the signal of {name}, but isochromats are points and "
            "do not diffuse: take phase graphs, spins=mri.voxels_in(patient, scanner)",
            DiffusionWarning,
            stacklevel=3,
        )
