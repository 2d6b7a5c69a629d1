"""Several studies in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from flowdepth.report import style

# How far, as a share of the distance between neighbouring depths, a depth's marks are drawn apart.
_APART = 0.35


def overlay(
    summaries: Mapping[str, pd.DataFrame], comparable: bool, by_size: bool = False
) -> Figure:
    """Draw each study's differences from its own K = 0; above, if ``comparable``, its test NLL.

    Below, if ``by_size``, the NLL against the model's number of parameters. ``summaries`` are
    tables of a row a depth, by the name of the study. Means over seeds with their 95 %
    t-intervals, in nats.
    """
    rows = 1 + comparable + by_size
    figure = style.new_figure(height=(0.4 + 0.6 * rows) * style.HEIGHT)
    panels = [*figure.subplots(rows, squeeze=False)[:, 0]]
    depths = sorted({int(k) for summary in summaries.values() for k in summary["depth"]})
    if by_size:
        _sizes(panels.pop(), summaries)
    _depths(panels[-1], summaries, "nll_difference", depths)
    panels[-1].axhline(0, color=style.GREY, ls=style.DASHED, lw=1)
    panels[-1].set_ylabel("difference from K = 0\n(nats, paired by seed)")
    if comparable:
        _depths(panels[0], summaries, "nll", depths)
        panels[0].set_ylabel("test NLL\n(nats, lower is better)")
        panels[0].tick_params(labelbottom=False)
        panels[0].set_xlabel("")
    figure.legend(
        *panels[-1].get_legend_handles_labels(), loc="outside upper left", frameon=False, ncols=2
    )
    return figure


def _depths(
    axes: Axes, summaries: Mapping[str, pd.DataFrame], name: str, depths: list[int]
) -> None:
    gap = style.closest(style.depth_positions(depths))
    shifts = np.linspace(-1, 1, len(summaries)) * _APART * gap / 2 if len(summaries) > 1 else [0.0]
    lines = (
        (style.depth_positions(summary["depth"]) + shift, summary)
        for summary, shift in zip(summaries.values(), shifts, strict=True)
    )
    _lines(axes, dict(zip(summaries, lines, strict=True)), name)
    style.depth_axis(axes, depths)


def _sizes(axes: Axes, summaries: Mapping[str, pd.DataFrame]) -> None:
    lines = {study: (one["parameters"].to_numpy(), one) for study, one in summaries.items()}
    _lines(axes, lines, "nll")
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(LogLocator(subs=(1.5, 2, 3, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter("{x:,.0f}")
    axes.set_xlabel("parameters of the model  (log scale)")
    axes.set_ylabel("test NLL\n(nats, lower is better)")


def _lines(axes: Axes, lines: Mapping[str, tuple[Any, pd.DataFrame]], name: str) -> None:
    colours = sns.color_palette("colorblind", len(lines))
    for (study, (x, summary)), colour in zip(lines.items(), colours, strict=True):
        known = summary[f"{name}_mean"].notna().to_numpy()
        mean, low, high = (summary[f"{name}_{part}"][known] for part in ("mean", "low", "high"))
        axes.plot(x[known], mean, "o-", color=colour, ms=4, lw=1, label=study)
        axes.vlines(x[known], low, high, color=colour, lw=2)
