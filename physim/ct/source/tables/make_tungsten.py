"""Makes tungsten.npz, the fluence of a tungsten tube: `pip install spekpy==2.5.4`, then run this file (6 minutes).

SpekPy: G. Poludniowski, A. Omar, R. Bujila, P. Andreo, Med. Phys. 48 (2021) 3630; its licence stands in
tungsten.LICENSE. Default physics (casim) and attenuation data, no filter, on the central ray, 1 m, 1 mAs. The anode
angles are Chebyshev nodes in log angle: polynomials through them are within 1e-4 of SpekPy between 5 and 30 degrees.
"""

from pathlib import Path

import numpy as np

VOLTAGES = np.arange(38, 153)
LOWEST, HIGHEST, NODES = 4.0, 31.0, 7  # degrees
ENERGIES = np.arange(10, 150) + 0.5


def anode_angles() -> np.ndarray:
    """Anode angles of the table, degrees."""
    nodes = (1 - np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)) / 2
    return LOWEST * (HIGHEST / LOWEST) ** nodes


def fluence(kvp: float, anode_angle: float) -> np.ndarray:
    """Photons per cm², mAs and keV in bins of 1 keV, at 1 m from the focal spot."""
    import spekpy  # pyright: ignore[reportMissingImports]

    tube = spekpy.Spek(kvp=kvp, th=anode_angle, dk=1.0, z=100.0, mas=1.0)
    row = np.zeros(ENERGIES.size)
    for energy, value in zip(*tube.get_spectrum(edges=False), strict=True):
        row[np.abs(ENERGIES - energy) < 0.25] = value
    return row


if __name__ == "__main__":
    table = [[fluence(float(kvp), float(angle)) for angle in anode_angles()] for kvp in VOLTAGES]
    np.savez_compressed(
        Path(__file__).with_name("tungsten.npz"),
        voltages=VOLTAGES.astype(np.float32),
        anode_angles=anode_angles(),
        energies=ENERGIES.astype(np.float32),
        fluence=np.asarray(table, np.float32),
    )
