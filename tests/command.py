"""The command as the tests call it: in this process, or in one of its own."""

import os
import subprocess
import sys
import textwrap

from physim import cli


def physim(capsys, *arguments: object) -> tuple[int, list[str], list[str]]:
    """Exit code, lines of result, lines beside it."""
    code = cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def process(code: str, *arguments: object) -> subprocess.CompletedProcess:
    # Where a test fills the disk, Python would leave truncated byte code for every later process.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def run_with(pipeline: str, *arguments: object, before: str = "") -> subprocess.CompletedProcess:
    """The command in a process of its own, with one of the fake pipelines."""
    code = f"""
        import resource, sys
        import physim.study.work
        from physim.cli import main
        from tests.study import fakes
        physim.study.work._pipeline = lambda: fakes.{pipeline}
        {before}
        sys.exit(main(sys.argv[1:]))
    """
    return process(code, *arguments)
