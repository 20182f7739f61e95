"""Every Python block of the README and the docs runs as printed; blocks of one page share their names."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?P<skip><!-- not run: [^\n]+ -->\n)?```python\n(?P<code>.*?)```", flags=re.DOTALL)


def blocks(page: pathlib.Path) -> list[str]:
    """The Python blocks of a page that do not carry a reason for not being run."""
    return [match["code"] for match in BLOCK.finditer(page.read_text(encoding="utf-8")) if not match["skip"]]


def test_the_gate_looks_at_something():
    assert len(PAGES) > 3
    assert blocks(ROOT / "README.md"), "the README has no Python to run"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for number, code in enumerate(blocks(page), start=1):
        exec(compile(code, f"{page.name}, block {number}", "exec"), names)  # its failure is the test's
    assert len(names) > 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_local_links_and_pictures_exist(page):
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} points at {target}, which is not there"
