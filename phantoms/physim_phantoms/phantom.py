"""The digital patient: on every voxel of a grid, a mixture of tissues with physical properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Shaped, UInt8

from . import mixture
from ._checks import InputError, is_concrete, require_finite, require_shape, suggest
from .attenuation import checked_energies, element_coefficients
from .grid import Grid
from .tissue import RELAXATION_TIMES, TISSUES, Number, Tissue

_SUM_TOLERANCE = 1e-3
FractionMap = Shaped[Array | np.ndarray, "x y z"]


class Phantom(eqx.Module):
    """What is imaged: tissues and their volume fractions on a grid. Immutable, differentiable, 11 bytes a voxel.

    - `grid`: where the voxels are. - `tissues`: the palette; `ids` index into it.
    - `ids`: the k tissues of each voxel. - `fractions`: the volume fractions of components 1 to k-1; component 0 has
      what is left of one.

    Make one with `Phantom.from_fractions`, `physim_phantoms.anatomy` or `physim_phantoms.qa`.
    """

    grid: Grid
    tissues: tuple[Tissue, ...]
    ids: UInt8[Array, "k x y z"]
    fractions: Float[Array, "k-1 x y z"]

    @classmethod
    def from_fractions(
        cls,
        grid: Grid,
        maps: Mapping[str, FractionMap] | Mapping[Tissue, FractionMap] | Mapping[str | Tissue, FractionMap],
        components: int = 3,
        background: str | Tissue = "air",
    ) -> Phantom:
        """From dense volume-fraction maps, one per tissue (a name of TISSUES or a `Tissue`); the background fills the rest.

        Keeps the `components` largest fractions of each voxel and shares what lies beyond out in proportion.
        Differentiable in the maps; where a fraction is exactly 0 its derivative is 0 too. Raises `ValueError` for no map,
        a wrong shape, NaN, negative values, or sums above 1.
        """
        if not maps:
            raise InputError(
                "no fraction map was given; write for example Phantom.from_fractions(grid, {'water': map})"
            )
        _require_components(components)
        palette = [_as_tissue(t) for t in maps]
        arrays = [_checked_map(t.name, m, grid) for t, m in zip(palette, maps.values(), strict=True)]
        _refuse_overfull(arrays, [t.name for t in palette])
        rest = _as_tissue(background)
        names = [t.name for t in palette]
        if len(set(names)) != len(names):
            raise InputError(f"a tissue was given twice: {', '.join(names)}")
        if rest.name in names:
            number = names.index(rest.name)
            arrays[number] = arrays[number] + jnp.maximum(1 - sum(arrays), 0)
        else:
            number = len(palette)
            palette.append(rest)
        if len(palette) > 255:
            raise InputError(f"{len(palette)} tissues were given; at most 255 fit one phantom")
        ids, fractions = mixture.pack(arrays, jnp.uint8(number), components)
        return cls(grid, tuple(palette), ids, fractions)

    def __check_init__(self):
        components = self.ids.shape[0]
        require_shape("ids", self.ids, (components, *self.grid.shape))
        require_shape("fractions", self.fractions, (components - 1, *self.grid.shape))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the palette's tissues, in index order."""
        return tuple(t.name for t in self.tissues)

    @property
    def bytes_per_voxel(self) -> float:
        """Memory of the mixture, bytes per voxel."""
        return (self.ids.nbytes + self.fractions.nbytes) / self.grid.size

    def index(self, name: str) -> int:
        """The palette index of a tissue; raises `ValueError` with the nearest name for one that is not there."""
        if name not in self.names:
            raise suggest("tissue of this phantom", name, self.names)
        return self.names.index(name)

    def fraction(self, name: str) -> Float[Array, "x y z"]:
        """The volume fraction of one tissue."""
        return mixture.fraction_of(self.ids, self.fractions, jnp.uint8(self.index(name)))

    def mix(self, values: Shaped[Array | np.ndarray, " tissue"] | Sequence[float]) -> Inexact[Array, "x y z"]:
        """Mixes one number per palette tissue linearly by volume; differentiable both ways, complex values too."""
        values = jnp.asarray(values)
        if values.shape != (len(self.tissues),):
            raise InputError(
                f"values have shape {values.shape}; one number per tissue is needed: {len(self.tissues)}"
            )
        if not jnp.iscomplexobj(values):
            values = values.astype(self.fractions.dtype)
        return mixture.mix(self.ids, self.fractions, values)

    def values(self, name: str, field: Number = 3.0) -> Float[Array, " tissue"]:
        """One property of every palette tissue (see `Tissue.value`)."""
        return jnp.stack([jnp.asarray(t.value(name, field), self.fractions.dtype) for t in self.tissues])

    def map(self, name: str, field: Number = 3.0) -> Float[Array, "x y z"]:
        """A property on the grid, in the tissue table's units.

        Linear by volume, except for "t1", "t2" and "t2_star" (s): there the rates are averaged, weighted by proton
        density, as for spins in fast exchange; zero where there are no protons. Signals of mixed voxels are better mixed
        tissue by tissue, with `mix`: tissues side by side do not exchange.
        """
        if name not in RELAXATION_TIMES:
            return self.mix(self.values(name, field))
        protons = self.values("proton_density")
        rate = self.mix(protons / self.values(name, field))
        density = self.mix(protons)
        return jnp.where(rate > 0, density / jnp.where(rate > 0, rate, 1), 0)

    def attenuation(self, energies) -> Float[Array, "energy x y z"]:
        """Linear attenuation at photon energies in keV, 1/mm; linear by volume."""
        parts = element_coefficients(jnp.atleast_1d(checked_energies(energies)))
        total = parts.photoelectric + parts.compton + parts.rayleigh
        elements = jnp.stack([jnp.asarray(t.density * t.mass_fractions, total.dtype) for t in self.tissues])
        table = (elements @ total).T / 10
        return jnp.stack([self.mix(row) for row in table])

    @property
    def labels(self) -> UInt8[Array, "x y z"]:
        """The palette index of the dominant tissue of each voxel."""
        return mixture.dominant(self.ids, self.fractions)

    @property
    def label_names(self) -> dict[int, str]:
        """What the numbers in `labels` mean."""
        return dict(enumerate(self.names))

    def volume(self, name: str) -> Float[Array, ""]:
        """Volume of one tissue, mm³."""
        fraction = self.fraction(name)
        # One axis after another: a single float32 sum over millions of voxels loses digits.
        total = jnp.sum(jnp.sum(jnp.sum(fraction, axis=2), axis=1))
        return total * jnp.prod(jnp.asarray(self.grid.spacing, self.fractions.dtype))

    def with_tissue(self, tissue: str | Tissue, amount: Shaped[Array | np.ndarray, "x y z"]) -> Phantom:
        """A phantom in which `tissue` fills `amount` (0..1) of each voxel and displaces the others in proportion.

        The tissue becomes one more component of every voxel (5 bytes); `packed` makes it few again. Differentiable in
        the amount, also where it is 0. Raises `ValueError` as `from_fractions` does.
        """
        new = _as_tissue(tissue)
        amount = _checked_map(new.name, amount, self.grid).astype(self.fractions.dtype)
        if is_concrete(amount) and float(jnp.max(amount)) > 1 + _SUM_TOLERANCE:
            raise InputError(
                f"the amount of {new.name} reaches {float(jnp.max(amount)):g}; it must lie between 0 and 1"
            )
        number = self.names.index(new.name) if new.name in self.names else len(self.tissues)
        tissues = self.tissues if number < len(self.tissues) else (*self.tissues, new)
        layer = jnp.full((1, *self.grid.shape), number, jnp.uint8)
        ids = jnp.concatenate([self.ids, layer])
        fractions = jnp.concatenate([self.fractions * (1 - amount), amount[None]])
        return Phantom(self.grid, tissues, ids, fractions)

    def packed(self, components: int = 3) -> Phantom:
        """The same patient with the `components` largest tissues of each voxel; the rest is shared out in proportion."""
        _require_components(components)
        ids, fractions = mixture.repack(self.ids, self.fractions, components)
        return Phantom(self.grid, self.tissues, ids, fractions)

    def save(self, path: str | Path) -> None:
        """Writes the phantom to one HDF5 file, in place only once it is whole."""
        from .storage import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Phantom:
        """Reads what `save` wrote; raises `ValueError` for anything else."""
        from .storage import load

        return load(path)


def _require_components(components: int) -> None:
    if not 1 <= components <= 8:
        raise InputError(f"components is {components}; it must lie between 1 and 8")


def _as_tissue(tissue: str | Tissue) -> Tissue:
    return TISSUES[tissue] if isinstance(tissue, str) else tissue


def _checked_map(name: str, values, grid: Grid) -> Float[Array, "x y z"]:
    """A fraction map as an array of this grid, finite and not negative."""
    require_shape(f"the map of {name}", values, grid.shape)
    array = jnp.asarray(values)
    array = array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(jnp.float32)
    require_finite(f"the map of {name}", array)
    if is_concrete(array) and float(jnp.min(array)) < -_SUM_TOLERANCE:
        raise InputError(
            f"the map of {name} reaches {float(jnp.min(array)):g}; fractions must lie between 0 and 1"
        )
    return array


def _refuse_overfull(arrays, names) -> None:
    """Fractions of a voxel cannot sum above one."""
    if any(not is_concrete(a) for a in arrays):
        return
    total = reduce(jnp.add, arrays)
    over = jax.device_get(jnp.max(total))
    if over > 1 + _SUM_TOLERANCE:
        count = int(jnp.sum(total > 1 + _SUM_TOLERANCE))
        place = tuple(int(i) for i in np.unravel_index(int(jnp.argmax(total)), total.shape))
        raise InputError(
            f"the fractions of {', '.join(names)} sum to {over:.4g} at voxel {place} and above 1 in {count} voxels; "
            "divide them by their sum first"
        )
