"""Makes tungsten_12.npz, the fluence of a tungsten tube: `pip install spekpy==2.5.4`, then run this file.

SpekPy: G. Poludniowski, A. Omar, R. Bujila, P. Andreo, Med. Phys. 48 (2021) 3630; its licence stands in
tungsten_12.LICENSE. Default physics (casim) and attenuation data, anode angle 12 degrees, no filter, 1 m, 1 mAs.
"""

from pathlib import Path

import numpy as np

ANODE_ANGLE = 12.0
VOLTAGES = np.arange(48, 153)
ENERGIES = np.arange(10, 150) + 0.5


def fluence(kvp: float) -> np.ndarray:
    """Photons per cm², mAs and keV in bins of 1 keV, at 1 m from the focal spot."""
    import spekpy  # pyright: ignore[reportMissingImports]

    energies, values = spekpy.Spek(kvp=kvp, th=ANODE_ANGLE, dk=1.0, z=100.0, mas=1.0).get_spectrum(
        edges=False
    )
    row = np.zeros(ENERGIES.size)
    for energy, value in zip(energies, values, strict=True):
        row[np.abs(ENERGIES - energy) < 0.25] = value
    return row


if __name__ == "__main__":
    table = np.stack([fluence(float(kvp)) for kvp in VOLTAGES]).astype(np.float32)
    np.savez_compressed(
        Path(__file__).with_name("tungsten_12.npz"),
        voltages=VOLTAGES.astype(np.float32),
        energies=ENERGIES.astype(np.float32),
        fluence=table,
    )
