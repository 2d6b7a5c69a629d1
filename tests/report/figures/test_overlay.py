from __future__ import annotations

import math

import pandas as pd
import pytest

from drawn import overhang
from flowdepth.report import style
from flowdepth.report.figures.overlay import overlay


def summary(*depths: int, level: float = 90.0) -> pd.DataFrame:
    rows = []
    for depth in depths:
        difference = -0.1 * depth if depth else math.nan
        row: dict[str, float] = {"depth": depth}
        for name, mean in (("nll", level - 0.1 * depth), ("nll_difference", difference)):
            row |= {f"{name}_mean": mean, f"{name}_low": mean - 0.2, f"{name}_high": mean + 0.2}
        rows.append(row)
    return pd.DataFrame(rows)


STUDIES = {"reference/binarized_mnist": summary(0, 4, 32), "mine": summary(0, 8, level=88)}


@pytest.mark.parametrize("comparable", [True, False])
@pytest.mark.parametrize("names", [list(STUDIES), ["mine"]])
def test_no_label_leaves_its_figure(comparable: bool, names: list[str]) -> None:
    with style.visual_language():
        figure = overlay({name: STUDIES[name] for name in names}, comparable)
        assert overhang(figure) < 0.01


def test_each_study_is_a_line_of_its_differences() -> None:
    with style.visual_language():
        (axes,) = overlay(STUDIES, comparable=False).axes
    lines = {line.get_label(): [*line.get_ydata()] for line in axes.lines}
    assert lines["reference/binarized_mnist"] == pytest.approx([-0.4, -3.2])
    assert lines["mine"] == pytest.approx([-0.8])


def test_levels_are_drawn_of_the_same_images_alone() -> None:
    with style.visual_language():
        levels, _ = overlay(STUDIES, comparable=True).axes
        assert len(overlay(STUDIES, comparable=False).axes) == 1
    assert [*levels.lines[1].get_ydata()] == pytest.approx([88, 87.2])


def test_a_study_without_k_0_has_levels_alone() -> None:
    alone = summary(4, 32).assign(nll_difference_mean=math.nan)
    with style.visual_language():
        levels, differences = overlay({"a": alone, "b": summary(0, 4)}, comparable=True).axes
    assert len(levels.lines[0].get_xdata()) == 2
    assert len(differences.lines[0].get_xdata()) == 0
