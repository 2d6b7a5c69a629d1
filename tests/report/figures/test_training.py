from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.text import Text

from flowdepth.analysis.columns import HISTORY
from flowdepth.analysis.readers import read_rows
from flowdepth.analysis.summary import study_tables
from flowdepth.report import style
from flowdepth.report.figures import training
from flowdepth.report.figures.training import learning_curves
from flowdepth.settings.study import Study

Fabricate = Callable[..., tuple[Study, list[Path]]]


def test_labels_of_lines_do_not_overlap(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=tuple(range(12)), gain=0.0)
    with style.visual_language():
        history = read_rows(study, packs, "history.csv", HISTORY)
        figure = learning_curves(history, study_tables(study, packs)["metrics"])
        figure.canvas.draw()
        labels = [t for t in figure.axes[1].texts if t.get_text().startswith("K")]
        boxes = sorted((Text.get_window_extent(t) for t in labels), key=lambda box: box.y0)
    assert len(boxes) == 12
    # Text boxes have some air of their own around the letters.
    assert all(b.y0 - a.y0 > 0.75 * a.height for a, b in pairwise(boxes))


def test_a_diverging_seed_does_not_squash_the_curves(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), failed=[(4, 0)])
    history = read_rows(study, packs, "history.csv", HISTORY)
    broken = (history["depth"] == 4) & (history["seed"] == 0)
    diverging = [-1e8, -1e12, np.inf, -np.inf, np.nan, -50.0, -1e20]
    history.loc[broken, "validation"], history.loc[broken, "train"] = diverging, diverging[::-1]
    figure = learning_curves(history, study_tables(study, packs)["metrics"])
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert low > -30
        assert high < -20


def test_what_training_reaches_is_seen_though_validation_does_not(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4))
    history = read_rows(study, packs, "history.csv", HISTORY)
    history["train"] = history["validation"] + 5.0
    figure = learning_curves(history, study_tables(study, packs)["metrics"])
    low, high = figure.axes[0].get_ylim()
    assert low < history["train"].max() < high
    assert figure.axes[1].get_ylim() == (low - 5.0, high - 5.0)


def test_the_mean_curve_ends_where_the_first_seed_stops() -> None:
    curves = pd.DataFrame({0: [-3.0, -2.0, -1.0], 1: [-5.0, -4.0, np.nan]}, index=[1, 2, 3])
    metrics = pd.DataFrame({"seed": [0, 1], "status": ["done", "done"]})
    assert training._mean_curve(curves, metrics).to_dict() == {1: -4.0, 2: -3.0}
