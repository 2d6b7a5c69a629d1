"""Several studies in one picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowdepth.report import style

# How far, as a share of the distance between neighbouring depths, a depth's marks are drawn apart.
_APART = 0.35


def overlay(summaries: Mapping[str, pd.DataFrame], comparable: bool) -> Figure:
    """Draw each study's differences from its own K = 0; above, if ``comparable``, its test NLL.

    ``summaries`` are tables of a row a depth, by the name of the study. Means over seeds with their
    95 % t-intervals, in nats.
    """
    figure = style.new_figure(height=1.6 * style.HEIGHT if comparable else style.HEIGHT)
    panels = figure.subplots(2 if comparable else 1, sharex=True, squeeze=False)[:, 0]
    depths = sorted({int(k) for summary in summaries.values() for k in summary["depth"]})
    if comparable:
        _lines(panels[0], summaries, "nll", depths)
        panels[0].set_ylabel("test NLL\n(nats, lower is better)")
    _lines(panels[-1], summaries, "nll_difference", depths)
    panels[-1].axhline(0, color=style.GREY, ls=style.DASHED, lw=1)
    panels[-1].set_ylabel("difference from K = 0\n(nats, paired by seed)")
    style.depth_axis(panels[-1], depths)
    figure.legend(
        *panels[-1].get_legend_handles_labels(), loc="outside upper left", frameon=False, ncols=2
    )
    return figure


def _lines(axes: Axes, summaries: Mapping[str, pd.DataFrame], name: str, depths: list[int]) -> None:
    gap = style.closest(style.depth_positions(depths))
    shifts = np.linspace(-1, 1, len(summaries)) * _APART * gap / 2 if len(summaries) > 1 else [0.0]
    colours = sns.color_palette("colorblind", len(summaries))
    for (study, summary), shift, colour in zip(summaries.items(), shifts, colours, strict=True):
        known = summary[summary[f"{name}_mean"].notna()].sort_values("depth")
        x = style.depth_positions(known["depth"]) + shift
        mean, low, high = (known[f"{name}_{part}"] for part in ("mean", "low", "high"))
        axes.plot(x, mean, "o-", color=colour, ms=4, lw=1, label=study)
        axes.vlines(x, low, high, color=colour, lw=2)
