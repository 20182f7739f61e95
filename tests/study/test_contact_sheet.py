"""The contact sheet: right side up, the right side at the left, the same bytes every time."""

import numpy as np
import pytest
from PIL import Image

from physim.study.contact_sheet import (
    PLANES,
    Column,
    Contour,
    _content,
    _Layout,
    _plane,
    contact_sheet,
    window_over,
)
from physim_phantoms import Grid

GRID = Grid((20, 24, 16), (2.0, 2.0, 3.0))
WHOLE = np.array([[0, 20], [0, 24], [0, 16]])
MIDDLE = np.array([10, 12, 8])


def marked(axis, end):
    """A volume that is bright only at one end of one axis: 0 is left, posterior or inferior."""
    volume = np.zeros(GRID.shape, np.float32)
    volume[tuple(end if a == axis else slice(None) for a in range(3))] = 1
    return volume


@pytest.mark.parametrize(
    ("plane", "axis", "row", "column"),
    [(0, 0, None, 0), (0, 1, 0, None), (1, 0, None, 0), (1, 2, 0, None), (2, 1, None, 0), (2, 2, 0, None)],
)
def test_right_and_front_hang_at_the_left_and_top_is_up(plane, axis, row, column):
    image = _plane(marked(axis, -1), PLANES[plane], MIDDLE, WHOLE)
    bright = np.argwhere(image == 1)
    where = 0 if row is not None else 1
    assert set(bright[:, where]) == {0}
    assert len(bright) == image.shape[1 - where]


def test_every_panel_has_the_same_scale():
    layout = _Layout(3, np.array([100.0, 120.0, 80.0]))
    for row, plane in enumerate(PLANES):
        _, _, width, height = layout.panel(row, 1)
        across, up = np.array([100.0, 120.0, 80.0])[list(plane[1:3])]
        assert width * layout.width / across == pytest.approx(height * layout.height / up)
    left, bottom, width, height = layout.panel(2, 2)
    assert left > 0
    assert bottom > 0
    assert left + width < 1


def columns():
    rng = np.random.default_rng(0)
    ball = np.linalg.norm(np.asarray(GRID.centres()), axis=-1) < 15
    image = (ball * rng.uniform(0.5, 1.0, GRID.shape)).astype(np.float32)
    colours = np.repeat(image[..., None], 3, axis=-1)
    line = Contour(image, 0.5, "#ff0000")
    return [
        Column("T1", image),
        Column("TISSUES", colours, "note", contours=(line,), legend={"tumour": "#ff0000"}),
    ]


def sheet(path, **changed):
    options = {"heading": "case 0001", "details": "synthetic", **changed}
    return contact_sheet(path, columns(), GRID, (0.0, 0.0, 0.0), **options)


def test_the_page_is_a_picture_and_the_same_bytes_every_time(tmp_path):
    first, second = sheet(tmp_path / "a.png"), sheet(tmp_path / "b.png")
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        pixels = np.asarray(picture.convert("L"), float)
        assert not picture.info.keys() & {"Software", "Creation Time"}
    assert pixels.shape[0] > 300
    assert pixels.mean() < 110, "the page is dark"
    assert pixels.max() > 200
    assert sheet(tmp_path / "c.png", heading="case 0002").read_bytes() != first.read_bytes()


def test_what_one_window_hides_another_keeps_on_the_page():
    """Fat is black in the brain window, and so is a nose; the colours of the tissues have both."""
    dim = np.full(GRID.shape, 0.05, np.float32)
    dim[5:15, 6:18, 4:12] = 1.0
    tissues = np.where(dim[..., None] == 1, np.float32(0.5), np.zeros(3, np.float32))
    tissues[8:12, 18:22, 6:8] = 0.3
    box = _content([Column("BRAIN", dim), Column("TISSUES", tissues)], GRID, margin=2.0)
    np.testing.assert_array_equal(box, [[4, 16], [5, 23], [3, 13]])


def test_nothing_is_left_behind_when_a_volume_does_not_fit(tmp_path):
    wrong = Column("T2", np.zeros((3, 3, 3), np.float32))
    with pytest.raises(ValueError, match="T2 has shape"):
        contact_sheet(tmp_path / "a.png", [wrong], GRID, (0.0, 0.0, 0.0), heading="x")
    with pytest.raises(ValueError, match="no column"):
        contact_sheet(tmp_path / "a.png", [], GRID, (0.0, 0.0, 0.0), heading="x")
    assert list(tmp_path.iterdir()) == []


def test_the_window_follows_the_region_and_not_the_rest():
    image = columns()[0].volume
    inside = image > 0
    low, high = window_over(image, inside)
    assert 0.3 < low < 0.51
    assert 0.95 < high < 1.1
    assert window_over(np.where(inside, image, 50), inside) == pytest.approx((low, high))
    assert window_over(image, np.zeros(GRID.shape, bool)) == (0.0, 1.0)
