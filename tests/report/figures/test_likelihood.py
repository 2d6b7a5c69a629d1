from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

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


def seed_dots(axes: Axes) -> dict[str, float]:
    """Return the height of each seed's dot by its name."""
    named = {str(line.get_gid()): line.get_ydata()[0] for line in axes.lines if line.get_gid()}
    return {name: height for name, height in named.items() if not name.endswith("mean")}


def test_every_finished_seed_is_a_dot(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(failed=[(4, 1)]))
    figure = nll_by_depth(metrics, summary)
    nll = metrics.pivot(index="depth", columns="seed", values="nll")
    seeds = (nll - nll.loc[0]).loc[1:].stack().dropna()
    above = {f"nll_difference-{k}-{seed}": value for (k, seed), value in seeds.items()}
    assert seed_dots(figure.axes[0]) == pytest.approx(above)
    below = {f"nll-{k}-{seed}": value for (k, seed), value in nll.stack().dropna().items()}
    assert seed_dots(figure.axes[1]) == pytest.approx(below)


def test_every_finished_seed_is_a_dot_of_elbo_and_one_of_nll(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(failed=[(4, 1)]))
    axes = elbo_and_nll(metrics, summary).axes[0]
    done = metrics.dropna(subset="nll").assign(neg_elbo=-metrics["elbo"])
    wanted = {
        f"{name}-{row['depth']}-{row['seed']}": row[name]
        for row in done.to_dict("records")
        for name in ("neg_elbo", "nll")
    }
    assert seed_dots(axes) == pytest.approx(wanted)
