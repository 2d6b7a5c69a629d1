from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from flowdepth.analysis.summary import study_tables
from flowdepth.report import style
from flowdepth.report.figures.likelihood import nll_by_depth
from flowdepth.settings.sections import Published
from flowdepth.settings.study import Study

Fabricate = Callable[..., tuple[Study, list[Path]]]


def mark(nll: float, depth: int | None = None, **facts: object) -> Published:
    told = {"source": "a", "quoted": "from memory", "protocol": "b"}
    return Published(**{"label": f"model of {nll}", **told, **facts}, nll=nll, depth=depth)


@pytest.fixture
def draw(fabricate: Fabricate) -> Callable[..., Figure]:
    """Give the function that draws marks beside fabricated results, which lie from 21.8 to 22.8."""
    made = fabricate(depths=(0, 1, 4, 16))
    tables = study_tables(*made)

    def drawn(*marks: Published) -> Figure:
        with style.visual_language():
            figure = nll_by_depth(tables["metrics"], tables["summary"], marks)
            figure.canvas.draw()
        return figure

    return drawn


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[-1].texts]


def diamonds(figure: Figure) -> list[list[float]]:
    lines = [line for line in figure.axes[-1].lines if line.get_marker() == "D"]
    return [line.get_xydata()[0].tolist() for line in lines]


def test_a_mark_stands_at_its_depth_and_height(draw: Callable[..., Figure]) -> None:
    figure = draw(mark(22.3, 4), mark(22.1, 16), mark(22.2))
    depths, heights = zip(*diamonds(figure), strict=True)
    assert heights == (22.3, 22.1)
    np.testing.assert_allclose(depths, style.depth_positions([4, 16]) - 0.18)
    dotted = [line for line in figure.axes[-1].lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in dotted] == [22.2]
    assert texts(figure)[-3:] == ["a", "b", "c"]


@pytest.mark.parametrize(("far", "arrow"), [(80.0, "↑ b"), (-80.0, "↓ b")])
def test_a_far_mark_becomes_an_arrow_at_the_edge(
    draw: Callable[..., Figure], far: float, arrow: str
) -> None:
    alone, beside = draw(), draw(mark(22.3, 4), mark(far, 4))
    assert beside.axes[-1].get_ylim() == alone.axes[-1].get_ylim()
    assert arrow in texts(beside)
    assert len(diamonds(beside)) == 1


def test_the_axis_grows_for_a_near_mark(draw: Callable[..., Figure]) -> None:
    low, high = draw().axes[-1].get_ylim()
    above = high + 0.3 * (high - low)
    figure = draw(mark(above, 1, spread=0.05))
    assert diamonds(figure)[0][1] == above
    assert figure.axes[-1].get_ylim()[1] > above + 0.05


def test_a_depth_beyond_the_axis_is_not_drawn(draw: Callable[..., Figure]) -> None:
    limits = draw().axes[-1].get_xlim()
    figure = draw(mark(22.2, 80))
    assert figure.axes[-1].get_xlim() == limits
    assert not diamonds(figure)


def test_the_key_tells_of_bound_spread_and_source(
    draw: Callable[..., Figure],
) -> None:
    figure = draw(mark(22.2, 4, bound=True, spread=0.2), mark(80.0))
    key = figure.get_supxlabel()
    assert "a  model of 22.2: ≤ 22.2 ± 0.2, quoted from memory" in key
    assert "b  model of 80.0: 80, quoted from memory" in key


def test_the_key_covers_no_panel_and_stays_in_the_figure(draw: Callable[..., Figure]) -> None:
    figure = draw(*(mark(22.0 + i / 20, 4, label="long words " * 18) for i in range(10)))
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes.append(figure._supxlabel.get_window_extent())
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    width, height = figure.bbox.size
    assert boxes[-1].x1 < width
    assert all(box.y0 > -1 and box.y1 < height + 1 for box in boxes)


def test_published_numbers_are_left_out_where_nothing_was_measured(fabricate: Fabricate) -> None:
    made = fabricate(depths=(0, 4), seeds=(1,), failed=[(0, 1), (4, 1)])
    tables = study_tables(*made)
    assert not nll_by_depth(tables["metrics"], tables["summary"], [mark(22.2)]).get_supxlabel()


@pytest.mark.parametrize("label", ["US$ 5", r"$\frac{", "a $x$ b $"])
def test_a_label_with_dollars_stands_in_the_key_as_it_is_written(
    draw: Callable[..., Figure], label: str
) -> None:
    figure = draw(mark(22.2, 4, label=label))
    assert label in figure.get_supxlabel()
    assert not figure._supxlabel.get_parse_math()
