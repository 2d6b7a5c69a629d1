"""Test log-likelihood and ELBO against depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowdepth.analysis.comparisons import by_seed
from flowdepth.report import style
from flowdepth.report.answer import cannot_tell, doubtful
from flowdepth.report.figures.published_marks import add_key, mark_published
from flowdepth.settings.sections import Published


def nll_by_depth(
    metrics: pd.DataFrame, summary: pd.DataFrame, published: Sequence[Published] = ()
) -> Figure:
    """Draw the paired difference in test NLL from K = 0, every seed a dot; below it the NLL itself.

    Intervals of two means may overlap although the paired difference is clear, so that the upper
    panel, where there is something to compare, is the one that answers the question.
    """
    compared = summary["nll_difference_mean"].notna().any()
    figure = style.new_figure(height=1.35 * style.HEIGHT if compared else style.HEIGHT)
    panels = figure.subplots(2 if compared else 1, sharex=True, squeeze=False)[:, 0]
    if compared:
        _differences(panels[0], metrics, summary)
    _levels(panels[-1], metrics, summary)
    depths = summary["depth"].tolist()
    style.depth_axis(panels[-1], depths)
    if published and summary["seeds"].any():
        mark_published(panels[-1], published, depths)
        add_key(figure, published)
    return figure


def _differences(axes: Axes, metrics: pd.DataFrame, summary: pd.DataFrame) -> None:
    gap = style.closest(style.depth_positions(summary["depth"]))
    _seed_dots(axes, by_seed(metrics).dropna(subset="nll_difference"), gap, "nll_difference")
    _means(axes, summary, "nll_difference", style.ACCENT)
    _reference(axes, 0.0)
    axes.set_ylabel("difference from K = 0\n(nats, paired by seed)")


def _levels(axes: Axes, metrics: pd.DataFrame, summary: pd.DataFrame) -> None:
    gap = style.closest(style.depth_positions(summary["depth"]))
    _seed_dots(axes, metrics, gap)
    _means(axes, summary, "nll", style.ACCENT)
    _mark_doubtful(axes, summary)
    for vanilla in summary.loc[summary["depth"] == 0, "nll_mean"].dropna():
        _reference(axes, vanilla)
    _mark_failed(axes, summary)
    _mark_baseline(axes, summary)
    axes.set_ylabel("test NLL\n(nats, lower is better)")


def elbo_and_nll(metrics: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Draw -ELBO and NLL against K, every seed a dot; between them lies the inference gap."""
    figure = style.new_figure()
    axes = figure.add_subplot()
    style.depth_axis(axes, summary["depth"].tolist())
    done = summary[summary["seeds"] > 0]
    x = style.depth_positions(done["depth"])
    bound, exact = done["neg_elbo_mean"], done["nll_mean"]
    axes.fill_between(x, exact, bound, color=style.CONTRAST, alpha=0.08, lw=0)
    bounds = (("neg_elbo", "−ELBO", style.CONTRAST), ("nll", "NLL", style.ACCENT))
    seeds = by_seed(metrics)
    gap = style.closest(style.depth_positions(summary["depth"]))
    for name, _, colour in bounds:
        _seed_dots(axes, seeds, gap, name, colour)
        _means(axes, summary, name, colour)
    if len(done):
        last = done.iloc[-1]
        style.label_ends(
            axes, {label: (x[-1], last[f"{name}_mean"], colour) for name, label, colour in bounds}
        )
    _mark_failed(axes, summary)
    axes.set_ylabel("test set  (nats, lower is better)")
    return figure


def _seed_dots(
    axes: Axes, metrics: pd.DataFrame, gap: float, name: str = "nll", colour: str = style.ACCENT
) -> None:
    """Draw the seeds right of the mean, each seed at the same place in every depth."""
    done = metrics[metrics["status"] == "done"]
    seeds = sorted(metrics["seed"].unique())
    if len(seeds) == 1:  # the mean already is that seed
        return
    offsets = dict(zip(seeds, np.linspace(0.15, 0.38, len(seeds)) * gap, strict=True))
    x = style.depth_positions(done["depth"]) + done["seed"].map(offsets).to_numpy(dtype=float)
    marks = [style.mark(name, k, seed) for k, seed in zip(done["depth"], done["seed"], strict=True)]
    style.dots(axes, x, done[name], marks, color=colour, ms=3, alpha=0.45, mew=0, zorder=2)


def _reference(axes: Axes, level: float, name: str = "K = 0") -> None:
    """Draw a level, the same in every figure: grey, and that of K = 0 dashed."""
    line = style.DASHED if name == "K = 0" else "solid"
    axes.axhline(level, color=style.GREY, lw=0.9, ls=line, zorder=1)
    place = axes.get_yaxis_transform()
    axes.text(1.01, level, name, transform=place, color=style.GREY, va="center")


def _mark_baseline(axes: Axes, summary: pd.DataFrame) -> None:
    """Draw the level of the baseline where it is near those of the depths."""
    name, level = summary.iloc[0][["baseline", "baseline_nll"]]
    low, high = axes.get_ylim()
    if low <= level <= high:
        _reference(axes, level, name)


def _means(axes: Axes, summary: pd.DataFrame, name: str, colour: str) -> None:
    """Draw the means of a quantity, joined by a thin line, and their intervals where they exist."""
    done = summary[summary[f"{name}_mean"].notna()]
    x = style.depth_positions(done["depth"])
    axes.plot(x, done[f"{name}_mean"], color=colour, lw=0.9, alpha=0.6, zorder=3)
    marks = [style.mark(name, depth, "mean") for depth in done["depth"]]
    look: dict[str, Any] = {"ms": 5, "mec": "white", "mew": 0.8, "zorder": 5}
    style.dots(axes, x, done[f"{name}_mean"], marks, color=colour, **look)
    known = done[f"{name}_low"].notna().to_numpy()
    bounds = done.loc[known, [f"{name}_low", f"{name}_high"]].to_numpy(dtype=float)
    axes.vlines(x[known], bounds[:, 0], bounds[:, 1], color=colour, lw=1.8, zorder=4)


def _mark_failed(axes: Axes, summary: pd.DataFrame) -> None:
    if not summary["seeds"].any():
        axes.set_yticks([])  # no number, no scale
    style.mark_failed(axes, summary.loc[summary["seeds"] == 0, "depth"])


def _mark_doubtful(axes: Axes, summary: pd.DataFrame) -> None:
    """Make the means hollow whose importance weights cannot be trusted."""
    rows = summary[summary["depth"].isin(doubtful(summary)) & cannot_tell(summary)]
    x = style.depth_positions(rows["depth"])
    axes.plot(x, rows["nll_mean"], "o", color="white", ms=2.2, mew=0, zorder=6)
