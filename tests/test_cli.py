"""The command: instant help, one clear line for every mistake, exit codes, and nothing half-written."""

import signal
import sys

import pytest

from physim import provenance
from physim.cli.options import dotted_options
from tests.command import physim, process, run_with
from tests.study import fakes

GLIOMA = ("generate", "brain-glioma-mri", "--anatomy", "procedural")


@pytest.fixture
def fake(monkeypatch):
    """Lets this process use a fake pipeline."""

    def use(pipeline) -> None:
        monkeypatch.setattr("physim.study.work._pipeline", lambda: pipeline)

    use(fakes.make)
    return use


HELP = "import sys; from physim.cli import main; main(['--help']); sys.exit('jax' in sys.modules)"


def test_help_never_imports_jax():
    done = process(HELP)
    assert done.returncode == 0, done.stderr
    assert "generate" in done.stdout


@pytest.mark.parametrize(
    "line",
    ["['recipes']", "['recipe', 'head-ct']", "['data', 'list']", "['generate', 'nope']", "['--version']"],
)
def test_what_needs_no_physics_imports_no_jax(line):
    done = process(f"import sys; from physim.cli import main; main({line}); sys.exit('jax' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_importing_physim_imports_no_jax():
    assert (
        process(
            "import physim, sys; physim.io, physim.provenance, physim.study; sys.exit('jax' in sys.modules)"
        ).returncode
        == 0
    )


WRONG = {
    "unknown recipe": (["generate", "brain-glioma-mry"], "did you mean 'brain-glioma-mri'?"),
    "missing recipe file": (["generate", "nowhere/mine.toml"], "nowhere/mine.toml is not there"),
    "unknown parameter": ([*GLIOMA, "--tumour.dais=3"], "did you mean 'tumour.days'"),
    "unknown parameter by --set": ([*GLIOMA, "--set", "tumour.dais=3"], "did you mean 'tumour.days'"),
    "out of range": ([*GLIOMA, "--tumour.days=-3"], "tumour.days is -3; it must lie between 1 and 3000 days"),
    "not a number": ([*GLIOMA, "--tumour.days=nan"], "tumour.days"),
    "not a number at all": ([*GLIOMA, "--seed", "seven"], 'unable to convert "seven" into int'),
    "a setting without a value": ([*GLIOMA, "--set", "tumour.days"], "write --set tumour.days=200"),
    "no cases": ([*GLIOMA, "--cases", "0"], "cases is 0; it must lie between 1"),
    "negative workers": ([*GLIOMA, "--workers", "-1"], "workers is -1"),
    "no gpu": ([*GLIOMA, "--device", "gpu"], "write --device cpu"),
    "no gpu for workers": ([*GLIOMA, "--device", "tpu", "--workers", "2"], "write --device cpu"),
    "unknown device": ([*GLIOMA, "--device", "npu"], "cpu"),
    "both resume and overwrite": ([*GLIOMA, "--resume", "--overwrite"], "exclude one another"),
    "unknown option": ([*GLIOMA, "--casse", "3"], "Did you mean --cases?"),
    "unknown command": (["genrate"], "generate"),
    "nothing to make": (["generate"], "requires an argument"),
    "missing record": (["reproduce", "nowhere/record.json"], "nowhere/record.json is not there"),
    "missing folder": (["verify", "nowhere"], "nowhere is not a folder"),
    "unknown data": (["data", "fetch", "mni125"], "did you mean 'mni152'?"),
    "missing archive": (
        ["data", "fetch", "mni152", "--archive", "nowhere.whl"],
        "nowhere.whl does not exist",
    ),
    "absent data": (["data", "fetch", "mni152", "--offline"], "get it with: physim data fetch mni152"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_clear_line(capsys, tmp_path, monkeypatch, fake, arguments, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path / "cache"))
    code, out, err = physim(capsys, *arguments)
    assert code == 2
    assert out == []
    lines = [
        line for line in err if not line.startswith("mni152: ")
    ]  # a download is announced before it starts
    assert len(lines) == 1, err
    assert lines[0].startswith("physim: ")
    assert said in lines[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "something was written"


def test_a_folder_that_may_not_be_written(capsys, fake):
    code, out, err = physim(capsys, *GLIOMA, "--out", "/proc/physim")
    assert code == 1
    assert out == []
    assert err == ["physim: cannot make the folder /proc/physim; choose a folder that you may write to"]


def test_a_file_where_the_folder_should_be(capsys, tmp_path, fake):
    (tmp_path / "out").write_text("mine")
    code, _, err = physim(capsys, *GLIOMA, "--out", tmp_path / "out")
    assert code == 2
    assert err == [f"physim: {tmp_path / 'out'} is a file; give a folder for the dataset"]
    assert (tmp_path / "out").read_text() == "mine"


def test_a_full_disk_keeps_finished_cases_and_leaves_nothing_half(tmp_path):
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    done = run_with("too_large", *GLIOMA, "--cases", 3, "--out", tmp_path / "out", before=limit)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"physim: no space left to write {tmp_path / 'out' / 'case_0002'}; free some space or write to another disk"
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["case_0001", "dataset.json"]
    assert provenance.verify(tmp_path / "out" / "case_0001") == []


def test_a_defect_is_one_line_and_a_traceback_with_debug(capsys, tmp_path, fake):
    fake(fakes.broken)
    code, _, err = physim(capsys, *GLIOMA, "--out", tmp_path / "out")
    assert code == 1
    assert err == ["physim: internal error, ZeroDivisionError: division by zero; add --debug to see where"]
    code, _, err = physim(capsys, *GLIOMA, "--out", tmp_path / "out", "--debug")
    assert code == 1
    assert any(line.startswith("Traceback") for line in err)


def test_generate_verify_and_reproduce(capsys, tmp_path, fake):
    out = tmp_path / "out"
    code, lines, _ = physim(
        capsys,
        *GLIOMA,
        "--cases",
        2,
        "--out",
        out,
        "--seed",
        9,
        "--tumour.days",
        "100",
        "--set",
        "grid.spacing=3.0",
    )
    assert code == 0
    assert lines[0].startswith(f"1 of 2: {out / 'case_0001'}, ")
    assert lines[-1].startswith(f"{out}: 2 case(s) of brain-glioma-mri made")
    recipe = provenance.read_record(out / "case_0002")["recipe"]
    assert (recipe["seed"], recipe["tumour"]["days"], recipe["grid"]["spacing"]) == (9, 100.0, 3.0)
    assert physim(capsys, "verify", out) == (0, [f"{out}: every file is what its record says"], [])
    code, lines, _ = physim(
        capsys, "reproduce", out / "case_0002" / "record.json", "--out", tmp_path / "again"
    )
    assert (code, lines) == (0, ["2 of 2 files are identical, bit for bit"])
    (out / "case_0002" / "note.txt").write_text("case 2, brain-glioma-mrI\n")
    code, lines, _ = physim(capsys, "verify", out)
    assert code == 1
    assert (
        lines[0] == f"{out / 'case_0002' / 'note.txt'} was changed: its SHA-256 is not the one in the record"
    )
    fake(fakes.drifting)
    code, lines, _ = physim(capsys, "reproduce", out / "case_0001")
    assert (code, lines) == (1, ["differs: random.bin", "2 of 3 files are identical, bit for bit"])


def test_a_killed_command_goes_on_where_it_was(capsys, tmp_path, fake):
    out = tmp_path / "out"
    assert run_with("kill_third", *GLIOMA, "--cases", 4, "--out", out).returncode == -signal.SIGKILL
    before = {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in out.glob("case_*/**/*")
        if path.is_file()
    }
    assert {path.parts[len(out.parts)] for path in before} == {"case_0001", "case_0002"}
    code, _, err = physim(capsys, *GLIOMA, "--cases", 4, "--out", out)
    assert code == 2
    assert "add --resume to go on" in err[0]
    code, lines, _ = physim(capsys, *GLIOMA, "--cases", 4, "--out", out, "--resume")
    assert code == 0
    assert [line.split(",")[0] for line in lines[:-1]] == [
        f"1 of 2: {out / 'case_0003'}",
        f"2 of 2: {out / 'case_0004'}",
    ]
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    assert sorted(path.name for path in out.iterdir()) == [
        *(f"case_000{i}" for i in range(1, 5)),
        "dataset.json",
    ]
    assert physim(capsys, "verify", out)[0] == 0


@pytest.mark.parametrize(("pipeline", "code"), [("interrupt_second", 130), ("terminate_second", 143)])
def test_an_interrupted_command_leaves_whole_cases_only(tmp_path, pipeline, code):
    done = run_with(pipeline, *GLIOMA, "--cases", 3, "--out", tmp_path / "out")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["case_0001", "dataset.json"]
    assert provenance.verify(tmp_path / "out" / "case_0001") == []


def test_a_terminal_gets_a_bar(capsys, monkeypatch, tmp_path, fake):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, lines, err = physim(capsys, *GLIOMA, "--cases", 2, "--out", tmp_path / "out")
    assert code == 0
    assert len(lines) == 1
    assert "2/2" in "".join(err)


def test_dotted_options_become_settings():
    given = [
        "generate",
        "x",
        "--tumour.days",
        "3",
        "--a.b=c=d",
        "--initial-part.seed-radius=2",
        "--out",
        "a.b/c",
        "--x.y",
        "--z",
    ]
    assert dotted_options(given) == [
        *("generate", "x", "--set=tumour.days=3", "--set=a.b=c=d", "--set=initial_part.seed_radius=2"),
        *("--out", "a.b/c", "--x.y", "--z"),
    ]
    assert dotted_options(["--noise.mean", "-3"]) == ["--set=noise.mean=-3"]
