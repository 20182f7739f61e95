"""Derivatives through pulses, precession and encoding, in tissue and in the sequence; chunks change nothing."""

import importlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physim import mri
from tests.helper import assert_gradients, assert_same

S = mri.sequences
SCANNER = mri.Scanner()


def setting(spins: int = 5, tr: float = 6e-3):
    """Spins anywhere, and a short balanced sequence with slices."""
    rng = np.random.default_rng(8)
    values = {
        "position": rng.uniform(-20, 20, (spins, 3)) * np.array([1, 1, 0.1]),
        "pd": rng.uniform(0.5, 1, spins),
        "t1": rng.uniform(0.5, 1.5, spins),
        "t2": rng.uniform(0.03, 0.2, spins),
        "off_resonance": rng.normal(0, 20, spins),
        "b1": rng.uniform(0.8, 1.2, spins),
    }
    sequence = S.balanced_ssfp((4, 3), (60.0, 60.0), tr=tr, region=S.Slice(8.0, 1e-3))
    return values, mri.compile_sequence(sequence)


def weighted(signal):
    """A real number that depends on every sample."""
    weights = np.random.default_rng(1).standard_normal(signal.shape[1])
    return (weights * signal.real + weights[::-1] * signal.imag).sum()


PLACES = {
    "flip": lambda p: p.shapes[0].amplitudes,
    "phase": lambda p: p.periods.phase,
    "duration": lambda p: p.periods.duration.high,
    "waveform": lambda p: p.shapes[0].b1,
    "moment": lambda p: p.periods.moment.high,
}
SCALES = {"flip": 10.0, "phase": 0.1, "duration": 1e-3, "waveform": 0.1, "moment": 1e-2}


def loss_of(program):
    """A number of spins and of changes to the program, which are in units of SCALES."""

    def loss(given):
        values = dict(given)
        moved = program
        for name, place in PLACES.items():
            start, change = jnp.asarray(place(program)), values.pop(name)
            moved = eqx.tree_at(place, moved, start + SCALES[name] * change)
        return weighted(mri.simulate(mri.Isochromats(**values), moved, SCANNER))

    return loss


def arguments_of(values, program) -> dict:
    return values | {name: np.zeros(np.shape(place(program))) for name, place in PLACES.items()}


@pytest.mark.usefixtures("x64")
def test_in_tissue_place_and_sequence():
    # A train of 18 ms hardly depends on T1: differences would be rounding.
    values, program = setting(tr=0.1)
    steps = {"t1": 1e-4, "t2": 1e-5, "off_resonance": 1e-3, "b1": 1e-5, "position": 1e-5}
    assert_gradients(loss_of(program), arguments_of(values, program), steps | dict.fromkeys(PLACES, 1e-4))


def test_chunks_of_spins_give_the_same_signal(monkeypatch):
    values, program = setting(spins=2500)
    spins = mri.Isochromats(**values)
    whole = mri.simulate(spins, program, SCANNER)
    monkeypatch.setattr(importlib.import_module("physim.mri.simulate"), "CHUNK_BYTES", 1)
    jax.clear_caches()
    in_chunks = mri.simulate(spins, program, SCANNER)
    assert_same(in_chunks, whole, 2e-5)


def test_another_echo_time_or_flip_angle_compiles_nothing_new():
    spins = mri.Isochromats(np.zeros((3, 3)), t1=1.0, t2=0.1)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
    )
    for te, flip in ((4e-3, 0.2), (4.5e-3, 0.3)):
        sequence = S.spoiled_gradient_echo((8, 4), (100.0, 100.0), flip, te=te, tr=12e-3)
        compiled.clear()
        mri.simulate(spins, sequence, SCANNER)
    assert not compiled


@pytest.mark.usefixtures("x64")
def test_under_vmap_over_off_resonance():
    values, program = setting()

    def of(shift):
        moved = {**values, "off_resonance": values["off_resonance"] + shift}
        return mri.simulate(mri.Isochromats(**moved), program, SCANNER)[0]

    shifts = jnp.array([0.0, 11.0, -30.0])
    assert_same(jax.vmap(of)(shifts), jnp.stack([of(s) for s in shifts]), 1e-12)
