"""MR fingerprinting with flip angles of one's own: T1 and T2 of a brain slice by a usual train and by an optimised one.

A train of unbalanced echoes gives every tissue a fingerprint, and the entry of a dictionary that looks most like a voxel's
signal tells its T1 and T2. How precise that is depends on the flip angles: the Cramér-Rao bound says how small the spread of any
estimate can be, and since the whole simulator can be differentiated, 150 steps of gradient descent lower the bound. The same
noise is then added to the same brain under both trains, and the maps are matched.

Look at: the two trains and what they do to the fingerprints; the noise of the T2 maps; the measured spread, which cannot lie
below the bound and should come near it. About a minute on two cores once compiled.

    python examples/fingerprinting.py [--out figures] [--quick]
"""

from collections.abc import Sequence
from pathlib import Path

import figure as fig
import jax
import jax.numpy as jnp
import numpy as np
import optax

from physim import mri
from physim_phantoms import TISSUES, Phantom, anatomy

TR, ORDERS = 12e-3, 24
INVERSION = mri.IdealInversion(20e-3)
FIELD = 3.0  # T
NAMES = ("white_matter", "grey_matter")  # what is optimised for
NOISE = 0.006  # of each real and imaginary part, relative to water at rest
SEEN = 0.15  # density from which on a voxel is shown
PURE = 0.99  # share of a tissue from which on a voxel is judged
WINDOWS = ((0.0, 2.5), (0.0, 0.2))  # s


def usual_flips(count: int) -> np.ndarray:
    """Half waves of sine with a little rest, as in the first paper; Ma et al., Nature 495 (2013) 187. In rad."""
    return np.deg2rad(10 + 50 * np.abs(np.sin(np.pi * (np.arange(count) + 0.5) / 80)))


def relaxation_times() -> tuple[np.ndarray, np.ndarray]:
    """T1 and T2 of the tissues that are optimised for, s."""
    t1, t2 = ([float(TISSUES[name].value(time, field=FIELD)) for name in NAMES] for time in ("t1", "t2"))
    return np.array(t1), np.array(t2)


def spread_bound(flips, times: tuple[np.ndarray, np.ndarray]) -> jax.Array:
    """The least standard deviation of T1 and T2 over their values, "tissue 2": from signals with unknown density."""
    t1, t2 = (jnp.asarray(part, jnp.float32) for part in times)
    train = mri.Train(flips, tr=TR, te=2e-3)
    density = jnp.asarray([float(TISSUES[name].proton_density) for name in NAMES], jnp.float32)
    columns = mri.fingerprints_with_jacobian(mri.Atoms(t1, t2, density), train, ORDERS, INVERSION)
    # Columns: the derivatives in the logarithms of density, T1 and T2.
    scaled = columns * jnp.stack([jnp.ones_like(t1), t1, t2])[:, :, None]
    information = jnp.einsum("ian,jan->aij", jnp.conj(scaled), scaled).real / NOISE**2
    return jnp.sqrt(jnp.diagonal(jnp.linalg.inv(information), axis1=1, axis2=2)[:, 1:])


def optimised_flips(start: np.ndarray, steps: int) -> np.ndarray:
    """Flip angles between 2 and 75° with the lowest mean of squared bounds."""
    low, high = np.deg2rad(2.0), np.deg2rad(75.0)
    angles = lambda free: low + (high - low) * jax.nn.sigmoid(free)
    times = relaxation_times()
    free = jnp.asarray(np.log((start - low) / (high - start)), jnp.float32)
    rule = optax.adam(0.05)

    @jax.jit
    def step(free, state):
        slope = jax.grad(lambda x: jnp.log(jnp.mean(spread_bound(angles(x), times) ** 2)))(free)
        change, state = rule.update(slope, state)
        return optax.apply_updates(free, change), state

    state = rule.init(free)
    for _ in range(steps):
        free, state = step(free, state)
    return np.asarray(angles(free))


def signals_of(patient: Phantom, flips, key) -> np.ndarray:
    """The noisy fingerprint of every voxel, "time x y": tissues in a voxel add."""
    names = ("proton_density", "t1", "t2")
    pd, t1, t2 = (
        patient.values(name, FIELD) if name != "proton_density" else patient.values(name) for name in names
    )
    seen = np.asarray(pd) > 0
    atoms = mri.Atoms(np.where(seen, t1, 1.0), np.where(seen, t2, 0.1), pd)
    prints = np.asarray(mri.fingerprints(atoms, mri.Train(flips, tr=TR, te=2e-3), ORDERS, INVERSION))
    clean = np.stack([np.asarray(patient.mix(jnp.asarray(echo)))[..., 0] for echo in np.imag(prints.T)])
    noise = NOISE * np.asarray(jax.random.normal(key, (2, *clean.shape)))
    return (noise[0] + 1j * (clean + noise[1])).astype(np.complex64)


def dictionary_of(flips, fine: int) -> mri.maps.Dictionary:
    """Fingerprints over a logarithmic grid of times."""
    t1, t2 = np.meshgrid(np.geomspace(0.2, 5.0, fine), np.geomspace(0.02, 2.5, fine), indexing="ij")
    keep = t2 < t1
    t1, t2 = t1[keep], t2[keep]
    prints = mri.fingerprints(mri.Atoms(t1, t2), mri.Train(flips, tr=TR, te=2e-3), ORDERS, INVERSION)
    return mri.maps.dictionary(prints.T, np.stack([t1, t2]).astype(np.float32), rank=20)


def main(arguments: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the example and returns its numbers."""
    asked = fig.options(__doc__, arguments)
    count, steps, spacing, fine = (80, 60, 3.0, 260) if asked.quick else (240, 150, 1.5, 400)
    grid = fig.one_plane((180.0, 216.0), spacing, height=8.0)
    patient = anatomy.brain(grid, jax.random.key(4), age=40.0, sex="F")
    trains = {"usual": usual_flips(count)}
    trains["optimised"] = optimised_flips(trains["usual"], steps)
    maps, numbers = {}, {}
    for name, flips in trains.items():
        found = mri.maps.match(signals_of(patient, flips, jax.random.key(1)), dictionary_of(flips, fine))
        maps[name] = np.where(np.abs(found.amplitude) > SEEN, np.asarray(found.values), 0.0)
        bound = np.asarray(spread_bound(jnp.asarray(flips), relaxation_times()))
        numbers |= spreads(patient, maps[name], bound[0], name)
        for number, time in enumerate(("T1", "T2")):
            numbers[f"{time} of grey matter, {name}: Cramér-Rao bound [%]"] = float(100 * bound[1, number])
    fig.tell(numbers, 2)
    draw(trains, maps, numbers, grid, asked.out)
    return numbers


def spreads(patient: Phantom, maps: np.ndarray, bound: np.ndarray, name: str) -> dict[str, float]:
    """Mean error and standard deviation where voxels are white matter alone, in percent, beside the bound."""
    inside, numbers = np.asarray(patient.fraction("white_matter"))[..., 0] > PURE, {}
    for number, time in enumerate(("T1", "T2")):
        values = 100 * (maps[number][inside] / relaxation_times()[number][0] - 1)
        numbers[f"{time} of white matter, {name}: mean error [%]"] = float(values.mean())
        numbers[f"{time} of white matter, {name}: standard deviation [%]"] = float(values.std())
        numbers[f"{time} of white matter, {name}: Cramér-Rao bound [%]"] = float(100 * bound[number])
    return numbers


def draw(trains, maps, numbers, grid, folder: Path) -> None:
    """Maps of both trains, the trains, and the fingerprints of two tissues."""
    page = fig.page(
        13.6, 10.2, "MR fingerprinting", "one slice at 3 T   ·   flip angles by gradient descent on the bound"
    )
    for row, (name, found) in enumerate(maps.items()):
        for column, (values, window) in enumerate(zip(found, WINDOWS, strict=True)):
            spread = numbers[f"{('T1', 'T2')[column]} of white matter, {name}: standard deviation [%]"]
            note = f"σ in white matter {spread:.1f} %"
            place = (0.34 + 3.3 * column, 1.0 + 4.5 * row, 3.2, 3.84)
            title = f"{('T1', 'T2')[column]}, {name} train"
            panel = fig.image(
                page, place, values, grid, window, title, note, colours=("magma", "viridis")[column]
            )
            if not (row or column):
                fig.scale_bar(panel)
    flips = fig.plot(page, (7.9, 1.1, 5.3, 2.3), "Flip angles", "repetition", "degrees")
    for (name, train), colour in zip(trains.items(), (fig.GREY, fig.AMBER), strict=True):
        flips.plot(np.rad2deg(train), color=colour, linewidth=1.4, label=name)
    fig.legend(flips)
    for row, (name, train) in enumerate(trains.items()):
        panel = fig.plot(
            page, (7.9, 4.2 + 2.9 * row, 5.3, 1.9), f"Fingerprints, {name}", "repetition", "signal"
        )
        made = mri.fingerprints(
            mri.Atoms(*relaxation_times()), mri.Train(train, tr=TR, te=2e-3), ORDERS, INVERSION
        )
        for one, word, colour in zip(np.imag(np.asarray(made)), NAMES, (fig.TEAL, fig.AMBER), strict=True):
            panel.plot(one, color=colour, linewidth=1.2, label=word.replace("_", " "))
        fig.legend(panel)
    fig.save(page, folder, "fingerprinting")


if __name__ == "__main__":
    main()
