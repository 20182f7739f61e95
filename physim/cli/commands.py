"""The commands. Each imports what it needs when it is called, so that the help is instant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from . import show
from .options import overrides

_EPILOGUE = "Every command takes --debug: an error then shows its traceback."
Device = Literal["cpu", "gpu", "tpu"]
Settings = Annotated[list[str], Parameter(name="--set", negative=(), allow_leading_hyphen=True)]
Flag = Parameter(negative=())


def _version() -> str:
    import physim

    return physim.__version__


app = App(
    name="physim",
    help=f"A virtual imaging lab: synthetic CT and MRI with exact ground truth.\n\n{_EPILOGUE}",
    version=_version,
    default_parameter=Parameter(negative=()),
    exit_on_error=False,
    print_error=False,
    result_action="return_value",
)
data = App(name="data", help="Real data that some recipes start from: checked by hash, kept in one folder.")
app.command(data)


@app.command
def generate(
    recipe: str,
    *,
    cases: int = 4,
    out: Path = Path("out"),
    seed: int | None = None,
    anatomy: str | None = None,
    workers: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    offline: bool = False,
    device: Device | None = None,
    settings: Settings | None = None,
) -> int:
    """Make a dataset: images, labels and a record per case.

    Any value of the recipe is an option too: --tumour.days 200, --grid.spacing=2. `physim recipe NAME` lists them.

    Parameters
    ----------
    recipe
        Name of a recipe, or the path of a TOML file.
    cases
        How many.
    out
        Folder of the dataset; cases become case_0001, case_0002, ...
    seed
        Of all random numbers; the same seed gives the same bits.
    anatomy
        Where the patient comes from.
    workers
        Processes side by side; 0 works in this one.
    resume
        Keep the cases that are whole, make the rest.
    overwrite
        Remove the cases that are there first.
    offline
        Never download.
    device
        What JAX computes on; by default the best there is.
    settings
        One value of the recipe, as name=value; can be repeated.
    """
    from physim import study

    chosen = study.load(recipe, overrides(settings or [], seed=seed, anatomy=anatomy))
    study.keep_compiled()
    if device is not None:
        study.use_device(device, apart=workers > 0)
    with show.download_progress() as downloaded, show.case_progress() as advanced:
        report = study.run(
            chosen,
            cases,
            out,
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            offline=offline,
            announce=show.tell,
            on_progress=advanced,
            on_download=downloaded,
        )
    kept = f", {len(report.kept)} kept" if report.kept else ""
    show.say(
        f"{report.out}: {len(report.made)} case(s) of {report.recipe} made{kept}, {report.seconds:.1f} s"
    )
    return 0


@app.command
def reproduce(
    record: Path, *, out: Path | None = None, offline: bool = False, device: Device | None = None
) -> int:
    """Make a case again from its record and compare every file, bit for bit.

    Parameters
    ----------
    record
        The record.json of a case, or the folder that holds it.
    out
        New folder for the rebuilt case; without it the case is removed after the comparison.
    offline
        Never download.
    device
        What JAX computes on; by default the best there is.
    """
    from physim import study

    study.keep_compiled()
    if device is not None:
        study.use_device(device, apart=False)
    result = study.reproduce(record, out, offline=offline, announce=show.tell)
    for warning in result.warnings:
        show.tell(f"warning: {warning}")
    for name in result.differing:
        show.say(f"differs: {name}")
    show.say(f"{result.files - len(result.differing)} of {result.files} files are identical, bit for bit")
    return 0 if result.identical else 1


@app.command
def verify(folder: Path) -> int:
    """Check that a dataset, or one case of it, is still what was written.

    Parameters
    ----------
    folder
        A dataset, or one of its cases.
    """
    from physim import provenance

    problems = provenance.verify(folder)
    for problem in problems:
        show.say(problem)
    show.say(
        f"{folder}: {f'{len(problems)} problem(s)' if problems else 'every file is what its record says'}"
    )
    return 1 if problems else 0


@app.command
def recipes() -> None:
    """List the recipes that come with physim."""
    from physim import study

    rows = [(name, (type(study.load(name)).__doc__ or "").strip().splitlines()[0]) for name in study.names()]
    for line in show.table(rows):
        show.say(line)


@app.command
def recipe(
    name: str, *, settings: Settings | None = None, as_json: Annotated[bool, Parameter(name="--json")] = False
) -> None:
    """Show every value of a recipe: its name as an option, value, unit, range and meaning.

    Parameters
    ----------
    name
        Name of a recipe, or the path of a TOML file.
    settings
        One value of the recipe, as name=value; can be repeated.
    as_json
        The values alone, as JSON.
    """
    from physim import study

    chosen = study.load(name, overrides(settings or []))
    if as_json:
        show.say(json.dumps(chosen.model_dump(mode="json"), indent=1))
        return
    for line in show.table(
        [(f"--{dotted}", str(value), words) for dotted, value, words in study.describe(chosen)]
    ):
        show.say(line)


@app.command
def doctor(*, out: Path = Path("out"), as_json: Annotated[bool, Parameter(name="--json")] = False) -> int:
    """Look at this installation: versions, devices, kernels, bandwidth, data, and whether `out` can be written.

    Parameters
    ----------
    out
        The folder that datasets would go to.
    as_json
        Everything as JSON.
    """
    from physim import study

    show.tell("compiling the kernels where they are new (about a minute) and measuring ...")
    findings = study.examine(out)
    for line in [json.dumps(findings, indent=1)] if as_json else show.doctor_lines(findings):
        show.say(line)
    return 1 if findings["problems"] else 0


@data.command(name="list")
def list_data() -> None:
    """List the data, whether it is here, and on whose terms."""
    from physim import io

    rows = [
        (
            name,
            "here" if io.is_present(name) else "not here",
            show.size(source.archive_size),
            f"{source.title}; {source.licence}",
        )
        for name, source in io.SOURCES.items()
    ]
    for line in show.table(rows):
        show.say(line)


@data.command
def fetch(name: str, *, offline: bool = False, archive: Path | None = None) -> None:
    """Get data once, and prove it by its hashes.

    Parameters
    ----------
    name
        As `physim data list` has it.
    offline
        Never download; only check.
    archive
        An archive that is on this machine already, used instead of a download.
    """
    from physim import io

    with show.download_progress() as downloaded:
        folder = io.fetch(name, offline=offline, archive=archive, announce=show.tell, progress=downloaded)
    show.say(f"{name} is in {folder}")
