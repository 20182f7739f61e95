"""Every builder: blocks on the raster, gradients within limits, files that a scanner's checks accept."""

import numpy as np
import pypulseq as pp
import pytest

from physim import mri
from physim_phantoms import InputError
from tests.mri import pulseq_oracle as oracle
from tests.mri.builders import BUILDERS, S, since_excitation

ALL = pytest.mark.parametrize("name", BUILDERS)


@ALL
def test_blocks_and_events_begin_on_their_rasters(name):
    for one in BUILDERS[name]():
        assert one.duration % 10**7 == 0
        for event in (one.gx, one.gy, one.gz):
            assert event is None or event.delay % 10**7 == 0
        for event in (one.rf, one.adc):
            assert event is None or event.delay % 10**6 == 0
        assert one.adc is None or one.adc.dwell % 10**5 == 0


@ALL
def test_gradients_keep_to_the_limits(name):
    sequence = BUILDERS[name]()
    S.Limits().check(sequence)
    if any(gradient is not None for one in sequence for gradient in (one.gx, one.gy, one.gz)):
        with pytest.raises(InputError, match="limit"):
            S.Limits(gradient=0.01).check(sequence)


@ALL
def test_written_files_pass_the_timing_check_of_pypulseq(name, tmp_path):
    path = tmp_path / "ours.seq"
    sequence = BUILDERS[name]()
    mri.write_pulseq(sequence, path)
    seq = pp.Sequence(pp.Opts(max_grad=40, grad_unit="mT/m", max_slew=170, slew_unit="T/m/s"))
    with oracle.quiet():
        seq.read(path, remove_duplicates=False)
        passed, report = seq.check_timing()
    assert passed, [str(line) for line in report[:3]]
    assert len(seq.block_events) == len(sequence)


@ALL
def test_files_give_back_what_was_built(name, tmp_path):
    path = tmp_path / "ours.seq"
    sequence = BUILDERS[name]()
    mri.write_pulseq(sequence, path)
    again = mri.read_pulseq(path)
    k = mri.kspace_of(sequence)
    assert np.abs(mri.kspace_of(again) - k).max() <= 1e-10 * max(1.0, np.abs(k).max())


def small(**more) -> mri.Sequence:
    return S.magnetisation_prepared_gradient_echo((8, 2, 4), (200.0, 160.0, 40.0), **{"ti": 0.1, **more})


def test_samples_between_rasters_are_met_to_half_a_microsecond():
    sequence = S.spoiled_gradient_echo((8, 2), (200.0, 200.0), te=4.0e-3, dwell=3.1e-6, region=S.Whole(1e-6))
    echo = since_excitation(sequence).reshape(2, 8)[:, 4]
    assert np.abs(echo - 4.0e-3).max() <= 0.5e-6 + 1e-12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: S.spoiled_gradient_echo(tr=10.004e-3), r"tr is 10.004 ms; it must be a multiple of 10 µs"),
        (lambda: S.balanced_ssfp(tr=8.01e-3), r"multiple of 20 µs, .*: write 8e-3 or 8.02e-3"),
        (lambda: S.spin_echo_train(echo_spacing=10.01e-3), "echo_spacing is 10.01 ms"),
        (lambda: S.turbo_spin_echo(te=85e-3), "echoes come every 10 ms up to 80 ms; write te=0.08"),
        (lambda: S.turbo_spin_echo((16, 20)), "20 lines do not fill whole trains of 8 echoes; write echo_train=10"),
        (lambda: S.turbo_spin_echo(echo_spacing=4e-3, te=8e-3), "echo_spacing is too short"),
        (lambda: S.turbo_spin_echo(refocusing=(1.0, 2.0)), "refocusing has 2 flip angles for 8 echoes"),
        (lambda: S.spin_echo(te=6e-3), "te is too short"),
        (lambda: S.spin_echo(preparation=S.Inversion(5e-3)), "ti is too short"),
        (lambda: small(ti=5e-3), "ti is too short"),
        (lambda: small(tr=0.1), "tr is too short"),
        (lambda: small(echo_spacing=3.8e-3), "echo_spacing is too short"),
        (lambda: S.magnetisation_prepared_gradient_echo((8, 8)), "three whole numbers"),
        (lambda: S.multi_echo_gradient_echo(echo_times=(5e-3, 6e-3)), "echo_times is too short"),
        (lambda: S.multi_echo_gradient_echo(echo_times=(5e-3, 4e-3)), "must rise"),
        (lambda: S.radial(spokes=S.GoldenSpokes(0)), "at least 1 spoke"),
        (lambda: S.spiral(dwell=20e-6), "write dwell="),
        (lambda: S.spiral(interleaves=0), "interleaves is 0"),
        (lambda: S.spiral(4096, 200.0, interleaves=1), "lasts more than 0.2 s"),
        (lambda: S.fingerprinting(np.zeros(0)), "one for each repetition"),
        (lambda: S.diffusion_echo_planar(te=60e-3), r"this TE allows 44.*: raise te"),
        (lambda: S.diffusion_echo_planar(te=20e-3), "te is too short"),
        (lambda: S.diffusion_echo_planar(direction=(0.0, 0.0, 0.0)), "not all zero"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused_with_the_parameter_to_raise(make, message):
    with pytest.raises(InputError, match=message):
        make()
