"""Makes attenuation.npz, mass attenuation of the elements: `pip install xraydb==4.5.8`, then run this file.

Data: W. T. Elam, B. D. Ravel and J. R. Sieber, Radiat. Phys. Chem. 63 (2002) 121, as XrayDB holds them; XrayDB puts them
in the public domain (CC0). Knots are the tabulated energies with every absorption edge twice, halved until log-log
interpolation is within TOLERANCE of the tabulated spline for each process.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

LOW, HIGH = 1.0, 300.0  # keV
TOLERANCE = 3e-4
PROCESSES = ("photo", "incoh", "coh")
ATOMIC_NUMBERS = range(1, 93)


def cross_sections(database, element: str, energies: np.ndarray) -> np.ndarray:
    """Log of the three mass attenuation coefficients (cm²/g) at energies in keV."""
    values = [database.mu_elam(element, 1000 * energies, kind=kind) for kind in PROCESSES]
    return np.log(np.stack(values))


def pieces(database, element: str) -> list[tuple[float, float]]:
    """The energy intervals between edges and tabulated energies, keV."""
    row = database.get_cache("photoabsorption", column="element", value=element)[0]
    knots = np.exp(json.loads(row.log_energy)) / 1000
    inner = knots[(knots > LOW * 1.0001) & (knots < HIGH * 0.9999)]
    ends = np.concatenate([[LOW], np.unique(inner), [HIGH]])
    return list(pairwise(ends))


def refine(database, element: str, low: float, high: float) -> np.ndarray:
    """Energies from just above `low` to just below `high`, halved until log-log interpolation holds."""
    # The spline's branch is chosen by energy: a hair inside the interval is on the right one.
    energies = np.exp(np.linspace(np.log(low * (1 + 1e-9)), np.log(high * (1 - 1e-9)), 2))
    while True:
        values = cross_sections(database, element, energies)
        worst = np.zeros(energies.size - 1)
        for part in (0.25, 0.5, 0.75):
            between = np.exp((1 - part) * np.log(energies[:-1]) + part * np.log(energies[1:]))
            straight = (1 - part) * values[:, :-1] + part * values[:, 1:]
            error = np.abs(cross_sections(database, element, between) - straight)
            # A process counts by its share of the total, but never less than a tenth.
            total = np.exp(straight).sum(axis=0)
            share = np.maximum(np.exp(straight) / total, 0.1)
            worst = np.maximum(worst, (error * share).max(axis=0))
        if worst.max() < TOLERANCE:
            return energies
        halves = np.sqrt(energies[:-1] * energies[1:])[worst >= TOLERANCE]
        energies = np.sort(np.concatenate([energies, halves]))


def rows(database, element: str) -> tuple[np.ndarray, np.ndarray]:
    """Knots (keV) and log coefficients of one element; knots that are no edge appear once."""
    energies = np.concatenate([refine(database, element, *piece) for piece in pieces(database, element)])
    values = cross_sections(database, element, energies)
    same = np.zeros(energies.size, bool)
    close = np.diff(energies) < 1e-6 * energies[:-1]
    same[1:] = close & (np.abs(np.diff(values, axis=1)).max(axis=0) < 1e-4)
    return energies[~same], values[:, ~same]


def main() -> None:
    """Writes the table beside this file."""
    from xraydb import XrayDB  # pyright: ignore[reportMissingImports]

    database = XrayDB()
    symbols = [database.symbol(number) for number in ATOMIC_NUMBERS]
    made = [rows(database, symbol) for symbol in symbols]
    length = max(energies.size for energies, _ in made)
    # Short rows are filled with their last knot, which no energy of the table's range reaches.
    knots = np.stack([np.pad(energies, (0, length - energies.size), mode="edge") for energies, _ in made])
    values = np.stack([np.pad(v, ((0, 0), (0, length - v.shape[1])), mode="edge") for _, v in made], axis=1)
    np.savez_compressed(
        Path(__file__).with_name("attenuation.npz"),
        elements=np.array(symbols),
        energies=knots.astype(np.float32),
        photoelectric=np.exp(values[0]).astype(np.float32),
        compton=np.exp(values[1]).astype(np.float32),
        rayleigh=np.exp(values[2]).astype(np.float32),
    )


if __name__ == "__main__":
    main()
