"""A patient's spins as they are in one scanner: with its main field and its transmit field at each of them."""

from __future__ import annotations

import equinox as eqx
import numpy as np

from physim_phantoms import Phantom
from physim_phantoms._checks import InputError, is_concrete

from .coils.transmit import NominalTransmit
from .configuration import PhaseGraph
from .main_field import Homogeneous
from .scanner import Scanner
from .spins import Isochromats


def spins_in(patient: Phantom, scanner: Scanner, per_voxel: int = 16) -> Isochromats:
    """As `Isochromats.from_phantom`, with the off-resonance and B1+ that the scanner has where each spin sits.

    Both are interpolated to the spins, not to the voxels: a field that varies within a voxel dephases it.

    Good values: `mri.simulate(mri.spins_in(patient, scanner), sequence, scanner)`.
    """
    return _in_fields(
        Isochromats.from_phantom(patient, per_voxel, field=float(scanner.field)), patient, scanner
    )


def voxels_in(patient: Phantom, scanner: Scanner, tolerance: float = 1e-3) -> PhaseGraph:
    """As `PhaseGraph.from_phantom`, with the off-resonance and B1+ that the scanner has at the centre of each voxel.

    A field that varies within a voxel does not dephase it here; that is in `spins_in` alone.

    Good values: `mri.scan(patient, sequence, scanner, key, spins=mri.voxels_in(patient, scanner))`.
    """
    return _in_fields(
        PhaseGraph.from_phantom(patient, tolerance, field=float(scanner.field)), patient, scanner
    )


def _in_fields(spins, patient: Phantom, scanner: Scanner):
    shift = scanner.b0.off_resonance(patient, scanner.field, spins.position)
    b1 = scanner.transmit.b1(spins.position, scanner.field)
    return eqx.tree_at(
        lambda made: (made.off_resonance, made.b1), spins, (spins.off_resonance + shift, spins.b1 * b1)
    )


def require_nominal_fields(scanner: Scanner) -> None:
    """Refuses fields that the steady-state equations know nothing of."""
    transmit = scanner.transmit
    nominal = isinstance(transmit, NominalTransmit) and (
        not is_concrete(transmit.scale) or np.asarray(transmit.scale) == 1
    )
    if not (nominal and isinstance(scanner.b0, Homogeneous)):
        given = type(transmit).__name__ if not nominal else type(scanner.b0).__name__
        raise InputError(
            f"the scanner has {given}, but the steady-state equations of a contrast know no B0 and no B1+; scan a played "
            "sequence: write mri.sequences.spoiled_gradient_echo(...)"
        )
