"""What tumour cells do to tissue: from a cell density to oedema, enhancing tumour and necrosis."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from physim_phantoms import TISSUES, Phantom
from physim_phantoms._checks import InputError, is_concrete, require_finite, require_range, require_shape
from physim_phantoms.mixture import lookup

Number = int | float | np.floating | Float[Array, ""]


class Appearance(eqx.Module):
    """At which cell density, relative to the capacity, tissue turns into the next compartment.

    - `oedema`, `enhancing`, `necrotic`: ascending, in (0, 1]. - `softness`: width of each transition.
    - `cortex`: how much of grey matter oedema fills where it fills all of white matter: fluid follows the fibres.

    Oedema shows on T2 and FLAIR from 0.16, enhancement on T1 with contrast agent from 0.8 of the capacity: Swanson,
    Rostomily and Alvord, Br. J. Cancer 98 (2008) 113. The density of necrosis is no measurement; it sets how thick the
    enhancing rim is: the density of a travelling front approaches 1 as exp(−0.41 √(ρ/D) x), so that the rim is about
    5 mm for D = 0.13 mm²/day and ρ = 0.025 1/day.

    Good values: the ones that are set. Raises `ValueError` for densities that do not ascend.
    """

    oedema: Number = 0.16
    enhancing: Number = 0.8
    necrotic: Number = 0.92
    softness: Number = 0.05
    cortex: Number = 0.4

    def __check_init__(self):
        require_range("softness", self.softness, 1e-6, 0.5)
        require_range("cortex", self.cortex, 0.0, 1.0)
        steps = (self.oedema, self.enhancing, self.necrotic)
        for name, value in zip(("oedema", "enhancing", "necrotic"), steps, strict=True):
            require_range(name, value, 1e-6, 1.0)
        if all(map(is_concrete, steps)) and not float(steps[0]) < float(steps[1]) < float(steps[2]):
            raise InputError(
                f"oedema, enhancing and necrotic are {', '.join(f'{float(s):g}' for s in steps)}; they must ascend, "
                "like Appearance(oedema=0.16, enhancing=0.8, necrotic=0.92)"
            )

    def shares(self, density: Float[Array, "x y z"]) -> dict[str, Float[Array, "x y z"]]:
        """How much of the tissue is each compartment; healthy tissue is what they leave of one."""
        visible, dense, dead = (
            self._step(density, at) for at in (self.oedema, self.enhancing, self.necrotic)
        )
        dense = jnp.minimum(dense, visible)
        dead = jnp.minimum(dead, dense)
        return {"oedema": visible - dense, "enhancing_tumour": dense - dead, "necrotic_core": dead}

    def _step(self, density, at):
        """From 0 to 1 round `at`, with a continuous slope: 3 s² − 2 s³."""
        s = jnp.clip((density - at) / self.softness + 0.5, 0.0, 1.0)
        return s * s * (3 - 2 * s)


def with_tumour(
    patient: Phantom, density: Float[Array | np.ndarray, "x y z"], appearance: Appearance | None = None
) -> Phantom:
    """The patient with oedema, enhancing tumour and necrotic core where `density` (relative, 0 to 1) says so.

    The compartments replace only tissue in which tumour cells can live (`tumour_diffusivity` above 0): fluid, bone and
    air keep their volume exactly. Differentiable in the density and the appearance. Tissue stays where it is: the
    pressure of a growing mass is not part of this version.

        tumour = biomech.grow(seed, patient.grid, model, days=[0.0, 300.0])
        patient = biomech.with_tumour(patient, tumour[-1])

    Good values: `Appearance()`. Raises `ValueError` for a wrong shape, NaN, or densities outside 0 to 1.
    """
    appearance = Appearance() if appearance is None else appearance
    require_shape("density", density, patient.grid.shape)
    require_finite("density", density)
    require_range("density", density, -1e-5, 1 + 1e-5)
    shares = appearance.shares(jnp.asarray(density, patient.fractions.dtype))
    taken = _taken_of(patient, appearance)
    # Component 0 holds what the others leave: it needs no scaling, whether it is host tissue or not.
    kept = patient.fractions
    for name, share in shares.items():
        kept = kept - patient.fractions * share * jnp.stack(
            [lookup(layer, taken[name]) for layer in patient.ids[1:]]
        )
    tissues, numbers = _extended(patient, tuple(shares))
    layers = jnp.stack([jnp.full(patient.grid.shape, n, jnp.uint8) for n in numbers])
    amounts = jnp.stack([share * patient.mix(taken[name]) for name, share in shares.items()])
    return Phantom(
        patient.grid, tissues, jnp.concatenate([patient.ids, layers]), jnp.concatenate([kept, amounts])
    )


def _taken_of(patient: Phantom, appearance: Appearance) -> dict[str, Float[Array, " tissue"]]:
    """How much of every tissue each compartment can take: nothing of fluid and bone."""
    conduct = patient.values("tumour_diffusivity")
    alive = (conduct > 0).astype(conduct.dtype)
    soaked = jnp.where(conduct >= 0.5, alive, alive * appearance.cortex)
    return {"oedema": soaked, "enhancing_tumour": alive, "necrotic_core": alive}


def _extended(patient: Phantom, names: tuple[str, ...]):
    """The palette with the named tissues, and their numbers in it."""
    missing = tuple(TISSUES[name] for name in names if name not in patient.names)
    tissues = (*patient.tissues, *missing)
    order = [tissue.name for tissue in tissues]
    return tissues, [order.index(name) for name in names]
