"""Mass attenuation of the elements, 1-300 keV, and of mixtures of them by mass."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._checks import InputError, is_concrete, suggest

# Hydrogen to uranium; the index is the atomic number minus one.
_SYMBOLS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr "
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U"
)
ELEMENTS = tuple(_SYMBOLS.split())
LOWEST, HIGHEST = 1.0, 300.0  # keV


class Coefficients(NamedTuple):
    """Mass attenuation by process, cm²/g; their sum is the total (narrow beam, coherent scattering included)."""

    photoelectric: Array
    compton: Array
    rayleigh: Array


def element_coefficients(energies) -> Coefficients:
    """Mass attenuation of the elements H to U at photon energies in keV, each `[element, *energy]`, cm²/g.

    Straight lines in log energy and log coefficient between the knots; every absorption edge is a jump, and at its
    energy the upper value holds. Differentiable in the energies between edges. Data: W. T. Elam, B. D. Ravel and
    J. R. Sieber, Radiat. Phys. Chem. 63 (2002) 121, by way of XrayDB (public domain); 0.03 % from NIST for water.

    Raises `InputError` for energies that are not between 1 and 300 keV; traced ones are held at these ends.
    Good values: 20-150 keV; the table is not meant for work close to edges below 5 keV.
    """
    return _interpolate(checked_energies(energies))


def checked_energies(energies) -> Float[Array, "..."]:
    """Energies as a floating-point array, refused outside the table."""
    if is_concrete(energies):
        values = np.asarray(energies)
        if values.dtype.kind not in "iuf":
            raise InputError(f"energies are {values.dtype}; they must be numbers in keV, like 60.0")
        if values.size == 0:
            raise InputError("no photon energy was given; write for example 60.0 (keV)")
        inside = (values >= LOWEST) & (values <= HIGHEST)
        if not inside.all():
            bad = values[~inside].ravel()[0]
            hint = "; divide electronvolts by 1000" if bad > 1000 else ""
            raise InputError(f"energy {bad:g} keV is outside {LOWEST:g}-{HIGHEST:g} keV{hint}")
        # With its precision said: under jit, JAX 0.10 otherwise keeps the one in which it first saw a NumPy array.
        energies = jnp.asarray(energies, jax.dtypes.canonicalize_dtype(values.dtype))
    array = jnp.asarray(energies)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def mass_fractions(composition) -> Float[Array | np.ndarray, " element"]:
    """A composition by mass, `{"H": 0.112, "O": 0.888}`, as a vector over ELEMENTS that sums to one.

    Rounded tables sum to one within 2 %; what differs is shared out in proportion, a larger difference is refused, as
    are unknown elements, NaN and negative fractions.
    """
    if not composition:
        raise InputError(
            'composition is empty; give mass fractions that sum to 1, like {"H": 0.1119, "O": 0.8881}'
        )
    for symbol in composition:
        if symbol not in ELEMENTS:
            raise suggest("element", symbol, ELEMENTS)
    if not all(is_concrete(part) for part in composition.values()):
        parts = jnp.stack([jnp.asarray(composition.get(symbol, 0.0), float) for symbol in ELEMENTS])
        return parts / jnp.sum(parts)
    vector = np.zeros(len(ELEMENTS))
    for symbol, part in composition.items():
        vector[ELEMENTS.index(symbol)] = part
    total = vector.sum()
    if not np.all(vector >= 0) or not 0.98 <= total <= 1.02:
        raise InputError(
            f"composition {dict(composition)} sums to {total:.4g}; mass fractions must be 0 or more and sum to 1 within 2 %"
        )
    # What was normalised before keeps its bits, so that saving and loading changes nothing.
    return vector if abs(total - 1) < 1e-6 else vector / total


@jax.jit
def _interpolate(energies: Float[Array, "..."]) -> Coefficients:
    knots, tables = _table()
    flat = jnp.clip(energies.ravel(), LOWEST, HIGHEST)
    knots = jnp.asarray(knots, flat.dtype)
    search = lambda row: jnp.searchsorted(row, flat, side="right", method="compare_all") - 1
    place = jax.vmap(search)(knots)
    ratio = flat / jnp.take_along_axis(knots, place, axis=1)

    def evaluate(values, slopes):
        value, slope = (
            jnp.take_along_axis(jnp.asarray(t, flat.dtype), place, axis=1) for t in (values, slopes)
        )
        return (value * ratio**slope).reshape(len(ELEMENTS), *energies.shape)

    return Coefficients(*(evaluate(*table) for table in tables))


@cache
def _table() -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Knots (keV), and for each process the coefficients there and the log-log slopes above them."""
    with (
        (files("physim_phantoms") / "tables" / "attenuation.npz").open("rb") as stream,
        np.load(stream) as file,
    ):
        knots = np.asarray(file["energies"], np.float64)
        coefficients = [np.asarray(file[name], np.float64) for name in Coefficients._fields]
    run = np.diff(np.log(knots), axis=1)
    # The two knots of an edge coincide: nothing lies between them, so their slope is never asked for.
    run = np.where(run > 0, run, np.inf)
    end = np.zeros((len(ELEMENTS), 1))
    slopes = [np.concatenate([np.diff(np.log(c), axis=1) / run, end], axis=1) for c in coefficients]
    return knots, list(zip(coefficients, slopes, strict=True))
