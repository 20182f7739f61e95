"""Sequences like those of pypulseq's example scripts, through memory and files and back: to pypulseq's own digits."""

import pypulseq as pp
import pytest

from physim import mri
from tests.mri import pulseq_oracle as oracle
from tests.mri.pulseq_agree import assert_agrees, read
from tests.mri.pulseq_families import FAMILIES, half_fourier_train, magnetisation_prepared
from tests.mri.pulseq_same import assert_same

JOINTED = (half_fourier_train, magnetisation_prepared)


@pytest.mark.parametrize("build", FAMILIES, ids=lambda build: build.__name__)
def test_families_of_example_scripts(build, tmp_path):
    seq = build()
    memory = mri.from_pypulseq(seq)
    assert_agrees(memory, seq)
    path, theirs = oracle.written(seq, tmp_path)
    sequence = read(path)
    # Files hold six digits, so that joints of gradients gape; pypulseq draws lines over them.
    assert_agrees(sequence, theirs, 2e-6 if build in JOINTED else 1e-9)
    mri.write_pulseq(sequence, tmp_path / "ours.seq")
    again = read(tmp_path / "ours.seq")
    assert_same(sequence, again)
    mri.write_pulseq(memory, tmp_path / "memory.seq")
    second = pp.Sequence(oracle.SYSTEM)
    with oracle.quiet():
        second.read(tmp_path / "memory.seq", remove_duplicates=False)
    assert_agrees(read(tmp_path / "memory.seq"), second)
