"""The page of a radiograph says what is drawn: its view, the span of grey, and a nodule only where there is one."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from physim.study.radiograph_page import write_page


def words(path, monkeypatch, view, volume):
    """Everything that is written on the page."""
    said, write = [], Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda self, x, y, s, **style: said.append(s) or write(self, x, y, s, **style)
    )
    bone = np.full((20, 20), 30.0, np.float32)
    bone[0, 0] = 90.0
    plain = np.ones((20, 20), np.float32)
    nodule = np.zeros_like(plain)
    nodule[5:9, 5:9] = 10.0 * (volume > 0)
    images = {"presentation": plain / 2, "line_integral": plain, "bone_path": bone, "nodule_path": nodule}
    numbers = {"patient.age": 50.0, "protocol.kvp": 120.0, "protocol.mas": 2.0, "protocol.grid_ratio": 12.0}
    record = {
        "quantities": numbers,
        "sex": "F",
        "nodule": {"volume_ml": volume},
        "geometry": {"view": view, "line_integral_keV": 60.0},
    }
    write_page(path, "case 0001", images, record)
    return said


@pytest.mark.parametrize(("view", "volume"), [("lateral", 0.0), ("pa", 4.0)])
def test_the_page_says_what_is_drawn(view, volume, tmp_path, monkeypatch):
    said = words(tmp_path / "page.png", monkeypatch, view, volume)
    assert ("nodule" in said) == (volume > 0)
    assert any("lateral" in text for text in said) == (view == "lateral")
    (bone,) = (text for text in said if text.startswith("truth, path"))
    assert bone.endswith("largest 90 mm")
    assert bone != "truth, path 0 to 90 mm"
