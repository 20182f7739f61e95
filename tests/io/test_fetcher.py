"""The fetcher on an archive of our own: hashes, races, offline; the real data where it has been fetched."""

import dataclasses
import hashlib
import io as streams
import os
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from typing import Any

import numpy as np
import pytest

from physim import io
from physim.io import archives, downloads, fetcher
from physim.io.sources import SOURCES, Apt, Piece, Pip, Source
from physim_phantoms import InputError

CONTENT = b"voxels" * 1000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar(members: dict[str, bytes], mode: Any) -> bytes:
    stream = streams.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, streams.BytesIO(content))
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = streams.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def debian(members: dict[str, bytes]) -> bytes:
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": tar(members, "w:xz")}
    package = b"!<arch>\n"
    for name, content in parts.items():
        package += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        package += b"\n" * (len(content) % 2)
    return package


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A source whose archive lies on disk, known under the name `test`; the cache is empty and our own."""
    archive = zipped({"pkg/data/a.bin": CONTENT, "pkg/code.py": b"raise SystemExit('never run')"})
    (tmp_path / "pkg-1.whl").write_bytes(archive)
    made = Source(
        name="test",
        title="a test",
        licence="CC0",
        origin=Pip("pkg", "1", wheel=True),
        archive_size=len(archive),
        archive_sha256=digest(archive),
        pieces=(Piece(("pkg/data/a.bin",), "a.bin", len(CONTENT), digest(CONTENT)),),
    )
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path / "cache"))
    for module in (fetcher, sys.modules["physim.io.sources"]):
        monkeypatch.setattr(module, "SOURCES", {"test": made})
    return made


def test_fetch_from_an_archive_keeps_only_the_pieces(tmp_path, source):
    said = []
    folder = io.fetch("test", archive=tmp_path / "pkg-1.whl", announce=said.append)
    assert folder == tmp_path / "cache" / "test-1"
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"a.bin": CONTENT}
    assert [p.name for p in folder.parent.iterdir()] == ["test-1"]
    assert len(said) == 1
    for words in ("a test", "CC0", "pip download", "pkg==1", "MB"):
        assert words in said[0]
    assert io.fetch("test", offline=True, announce=said.append) == folder
    assert len(said) == 1, "what is there is not announced again"


def test_offline_and_absent_names_the_line_to_run(source):
    with pytest.raises(InputError, match="physim data fetch test"):
        io.fetch("test", offline=True)
    assert not io.is_present("test")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'mni152'"):
        io.fetch("mni125")


def test_wrong_archive_is_refused_and_nothing_kept(tmp_path, source):
    (tmp_path / "pkg-1.whl").write_bytes(zipped({"pkg/data/a.bin": b"evil"}))
    with pytest.raises(InputError, match="SHA-256"):
        io.fetch("test", archive=tmp_path / "pkg-1.whl")
    assert list((tmp_path / "cache").iterdir()) == []


def test_wrong_piece_is_refused_and_nothing_kept(tmp_path, source, monkeypatch):
    bad = dataclasses.replace(source, pieces=(dataclasses.replace(source.pieces[0], sha256="0" * 64),))
    monkeypatch.setattr(fetcher, "SOURCES", {"test": bad})
    with pytest.raises(InputError, match=r"a\.bin in test has a wrong SHA-256"):
        io.fetch("test", archive=tmp_path / "pkg-1.whl")
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_cache_is_noticed_and_mended(tmp_path, source):
    folder = io.fetch("test", archive=tmp_path / "pkg-1.whl")
    (folder / "a.bin").write_bytes(CONTENT[:-1] + b"X")
    with pytest.raises(InputError, match="damaged"):
        io.fetch("test", offline=True)
    assert (io.fetch("test", archive=tmp_path / "pkg-1.whl") / "a.bin").read_bytes() == CONTENT


def test_cache_that_cannot_be_written(tmp_path, source, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PHYSIM_DATA", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="is a file, not a folder"):
        io.fetch("test", archive=tmp_path / "pkg-1.whl")


def test_two_processes_at_once(tmp_path, source):
    code = f"""
        import sys, time
        from physim.io import fetcher
        from physim.io.sources import Piece, Pip, Source
        fetcher.SOURCES = {{"test": {source!r}}}
        while time.time() < float(sys.argv[2]):
            pass
        print(fetcher.fetch("test", archive=sys.argv[1]))
    """
    import time

    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "pkg-1.whl"), str(time.time() + 5)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        assert out.decode().strip() == str(tmp_path / "cache" / "test-1")
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["test-1"]


@pytest.mark.parametrize("pack", [zipped, debian, lambda m: tar(m, "w:gz"), lambda m: tar(m, "w:xz")])
def test_members_come_out_of_every_kind_of_archive(pack):
    inner = tar({"x/deep.bin": CONTENT}, "w:gz")
    archive = pack({"a/one.bin": b"one", "a/inner.inv3": inner})
    assert archives.extract(archive, ("a/one.bin",)) == b"one"
    assert archives.extract(archive, ("a/inner.inv3", "x/deep.bin")) == CONTENT
    with pytest.raises(InputError, match="a/two"):
        archives.extract(archive, ("a/two",))
    with pytest.raises(InputError, match="archive"):
        archives.extract(archive[: len(archive) // 2], ("a/inner.inv3",))


def fake_tool(folder, name: str, body: str) -> None:
    script = folder / name
    script.write_text(f"#!{sys.executable}\nimport sys\n{textwrap.dedent(body)}")
    script.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="needs executable scripts")
class TestDownloads:
    """The commands, with stand-ins for the tools."""

    def apt(self, source):
        return dataclasses.replace(source, origin=Apt("pkg", "1-2"))

    def test_apt_and_progress(self, tmp_path, source, monkeypatch):
        fake_tool(
            tmp_path,
            "apt-get",
            """
            import time
            assert sys.argv[1] == "download" and sys.argv[-1] == "pkg=1-2", sys.argv
            with open("pkg_1-2.deb", "wb", buffering=0) as file:
                file.write(bytes(50))
                time.sleep(0.6)
                file.write(bytes(50))
            """,
        )
        monkeypatch.setenv("PATH", str(tmp_path))
        seen = []
        work = tmp_path / "work"
        work.mkdir()
        got = downloads.download(
            dataclasses.replace(self.apt(source), archive_size=100),
            work,
            lambda done, total: seen.append((done, total)),
        )
        assert got.read_bytes() == bytes(100)
        assert (50, 100) in seen
        assert seen[-1] == (100, 100)

    def test_failure_is_one_line_with_the_way_out(self, tmp_path, source, monkeypatch):
        fake_tool(tmp_path, "apt-get", "sys.exit('noise\\nE: Unable to locate package pkg')")
        monkeypatch.setenv("PATH", str(tmp_path))
        work = tmp_path / "work"
        work.mkdir()
        with pytest.raises(
            OSError, match=r"apt-get download pkg=1-2.*archive='FILE'.*E: Unable to locate"
        ) as caught:
            downloads.download(self.apt(source), work)
        assert "\n" not in str(caught.value)

    def test_missing_tool(self, tmp_path, source, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        work = tmp_path / "work"
        work.mkdir()
        with pytest.raises(OSError, match="apt-get is not on this machine"):
            downloads.download(self.apt(source), work)

    def test_pip_runs_nothing_of_a_source_archive(self, tmp_path, source, monkeypatch):
        """A real pip, no index: a source archive whose set-up script would leave a mark must leave none."""
        mark = tmp_path / "mark"
        archive = tar(
            {"pkg-1/setup.py": f"open({str(mark)!r}, 'w')".encode(), "pkg-1/a.bin": CONTENT}, "w:gz"
        )
        links = tmp_path / "links"
        links.mkdir()
        (links / "pkg-1.tar.gz").write_bytes(archive)
        made = dataclasses.replace(
            source, origin=Pip("pkg", "1", wheel=False), archive_sha256=digest(archive)
        )
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(links))
        work = tmp_path / "work"
        work.mkdir()
        assert downloads.download(made, work).read_bytes() == archive
        assert not mark.exists()
        other = tmp_path / "other"
        other.mkdir()
        with pytest.raises(OSError, match="SHA-256 is not the expected one"):
            downloads.download(dataclasses.replace(made, archive_sha256="0" * 64), other)
        assert not mark.exists()


def need(name: str) -> None:
    try:
        io.fetch(name, offline=True)
    except InputError as error:
        pytest.skip(str(error))


def test_sources_are_complete():
    for name, source in SOURCES.items():
        assert source.name == name
        assert len(source.archive_sha256) == 64
        assert source.pieces
        assert all(len(piece.sha256) == 64 and piece.size > 0 for piece in source.pieces)


@pytest.mark.data
def test_mni152_is_a_brain_in_mni_space():
    need("mni152")
    maps, grid = io.load_mni152(offline=True)
    assert set(maps) == {"grey_matter", "white_matter", "t1"}
    assert grid.shape == (197, 233, 189)
    np.testing.assert_array_equal(grid.origin, [-98, -134, -72])
    total = maps["grey_matter"] + maps["white_matter"]
    assert 0 <= total.min() <= total.max() <= 1 + 1e-6
    corpus_callosum = np.rint(grid.world_to_index(np.array([0.0, 28.0, 4.0]))).astype(
        int
    )  # genu, MNI coordinates
    assert maps["white_matter"][tuple(corpus_callosum)] > 0.9
    head_of_caudate = np.rint(grid.world_to_index(np.array([11.0, 14.0, 8.0]))).astype(int)
    assert maps["grey_matter"][tuple(head_of_caudate)] > 0.8


@pytest.mark.data
def test_cranium_ct_has_air_bone_and_the_face_in_front():
    need("cranium-ct")
    hu, grid = io.load_cranium_ct(offline=True)
    assert hu.shape == (256, 256, 108)
    assert (hu.min(), hu.max()) == (-1024.0, 2986.0)
    np.testing.assert_allclose(grid.spacing, [0.957, 0.957, 1.5], atol=1e-3)
    inside = hu[128]
    head = np.argwhere(inside[:, 30] > -300)
    sinus = np.argwhere(
        (inside < -600)
        & (np.cumsum(inside > 300, axis=0) > 0)
        & (np.cumsum(inside[::-1] > 300, axis=0)[::-1] > 0)
    )
    assert sinus[:, 0].mean() > head[:, 0].mean(), "air of the sinuses lies in front"
    area = (hu > -300).sum(axis=(0, 1))
    assert area[-1] < 0.1 * area.max(), "the vertex closes the head above"
    assert area[0] > 0.5 * area.max(), "the scan cuts through the jaw below"


@pytest.mark.data
@pytest.mark.parametrize(
    ("which", "voxels", "centre"),
    [
        # data/baseline/baseline_shape.csv of the archive: VoxelNum, CenterOfMass (LPS), found by SimpleITK.
        (1, 837, (-21.85857228195937, -120.53581429211468, -611.4964157706091)),
        (2, 24644, (52.608755375434185, -95.86849098608988, -256.49529297192004)),
    ],
)
def test_lung_ct_mask_lies_where_another_toolkit_finds_it(which, voxels, centre):
    need("lung-ct")
    hu, mask, grid = io.load_lung_ct(which, offline=True)
    assert mask.sum() == voxels
    found = grid.index_to_world(np.argwhere(mask).mean(axis=0))
    np.testing.assert_allclose(found * [-1, -1, 1], centre, atol=1e-6)
    assert hu.shape == mask.shape == grid.shape
    with pytest.raises(InputError, match="1 or 2"):
        io.load_lung_ct(3)
