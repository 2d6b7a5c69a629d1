from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flowdepth.report import style


def test_png_is_sharp_enough_for_print(tmp_path: Path) -> None:
    with style.visual_language():
        figure = style.new_figure()
        figure.add_subplot()
        style.save(figure, tmp_path, "empty")
    with Image.open(tmp_path / "empty.png") as image:
        assert image.width == 200 * style.WIDTH


def drawn(text: str, tmp_path: Path, paper: bool) -> bytes:
    with style.visual_language(paper):
        figure = style.new_figure()
        axes = figure.add_subplot()
        axes.plot([1, 2], label=text)
        axes.set_title(text)
        axes.text(0, 0, text)
        axes.set_xticks([0], [text])
        figure.legend()
        (svg,) = style.save(figure, tmp_path, "text", ["svg"])
    return svg.read_bytes()


@pytest.mark.parametrize("paper", [False, True])
@pytest.mark.parametrize("text", ["$", "US$ 5", r"$\frac{", "$x_1$", r"$$ \$ {"])
def test_dollars_are_drawn_as_dollars(tmp_path: Path, text: str, paper: bool) -> None:
    """Every letter once for each place that it stands at, as matplotlib's comments have it."""
    comments = drawn(text, tmp_path, paper).decode().count(f"<!-- {text} -->")
    assert comments == 4


def test_k_0_has_its_place_on_the_axis_of_depths() -> None:
    np.testing.assert_allclose(style.depth_positions([0, 1, 2, 8, 64]), [0, 1, 2, 4, 7])


def test_k_0_has_the_same_grey_whatever_the_other_depths() -> None:
    assert style.depth_colours([0, 4])[0] == style.depth_colours([0, 1, 2, 80])[0]


def test_every_depth_has_its_own_colour() -> None:
    assert len(set(style.depth_colours(range(12)).values())) == 12


targets = st.lists(st.floats(-5, 15), min_size=2, max_size=12)


@given(targets, st.floats(0.01, 3))
def test_spread_labels_keep_order_distance_and_limits(wanted: list[float], gap: float) -> None:
    placed = style.spread(wanted, gap, 0, 10)
    order = np.argsort(wanted, kind="stable")
    room = min(gap, 10 / (len(wanted) - 1))
    assert (np.diff(placed[order]) > room - 1e-6).all()
    assert placed.min() > -1e-6
    assert placed.max() < 10 + 1e-6


def test_labels_with_room_stay_where_they_belong() -> None:
    np.testing.assert_allclose(style.spread([8.0, 1.0, 4.0], 0.5, 0, 10), [8, 1, 4])
