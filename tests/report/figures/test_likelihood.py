from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.report.figures.likelihood import elbo_and_nll, nll_by_depth
from flowdepth.settings.study import Study

Fabricate = Callable[..., tuple[Study, list[Path]]]


def nll_tables(results: tuple[Study, list[Path]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables = study_tables(*results)
    return tables["metrics"], tables["summary"]


def test_drawn_intervals_are_those_of_the_summary(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(depths=(0, 2, 16), seeds=(0, 1, 2, 3)))
    figure = nll_by_depth(metrics, summary)
    for axes, name in zip(figure.axes, ("nll_difference", "nll"), strict=True):
        lines = next(c for c in axes.collections if hasattr(c, "get_segments"))
        drawn = np.array([segment[:, 1] for segment in lines.get_segments()])
        known = summary[[f"{name}_low", f"{name}_high"]].dropna().to_numpy()
        np.testing.assert_allclose(drawn, known)


@pytest.mark.parametrize(("level", "named"), [(22.3, True), (33.2, False)])
def test_a_baseline_is_drawn_where_it_is_near(
    fabricate: Fabricate, level: float, named: bool
) -> None:
    metrics, summary = nll_tables(fabricate())
    before = nll_by_depth(metrics, summary).axes[-1].get_ylim()
    axes = nll_by_depth(metrics, summary.assign(baseline="pixels", baseline_nll=level)).axes[-1]
    assert ("pixels" in [text.get_text() for text in axes.texts]) == named
    assert axes.get_ylim() == before


def test_every_finished_seed_is_a_dot(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(failed=[(4, 1)]))
    figure = nll_by_depth(metrics, summary)
    above, below = (
        next(c.get_offsets()[:, 1] for c in axes.collections if len(c.get_offsets()) > 1)
        for axes in figure.axes
    )
    np.testing.assert_allclose(below, metrics["nll"].dropna())
    nll = metrics.pivot(index="depth", columns="seed", values="nll")
    np.testing.assert_allclose(above, (nll - nll.loc[0]).loc[1:].stack().dropna())


def test_every_finished_seed_is_a_dot_of_elbo_and_one_of_nll(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(failed=[(4, 1)]))
    axes = elbo_and_nll(metrics, summary).axes[0]
    dots = [c.get_offsets()[:, 1] for c in axes.collections if len(c.get_offsets()) > 1]
    done = metrics.dropna(subset="nll")
    np.testing.assert_allclose(dots, [-done["elbo"], done["nll"]])
