"""How training went."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from flowdepth.report import style


def learning_curves(history: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw the validation ELBO by epoch: thin lines for seeds, a bold one for a depth's mean."""
    figure = style.new_figure()
    axes = figure.add_subplot()
    colours = style.depth_colours(metrics["depth"])
    history = history[np.isfinite(history["validation"])]
    axes.set_ylim(*_curve_limits(history))
    ends = {}
    by_depth: Iterable[tuple[Any, pd.DataFrame]] = history.groupby("depth")
    for depth, rows in by_depth:
        curves = rows.pivot(index="epoch", columns="seed", values="validation")
        axes.plot(curves.index, curves, color=colours[depth], lw=0.5, alpha=0.3)
        mean = _mean_curve(curves, metrics[metrics["depth"] == depth])
        if len(mean):
            axes.plot(mean.index, mean, color=colours[depth], lw=1.6, ls=style.dashes(depth))
            ends[f"K = {depth}"] = (mean.index[-1], mean.iloc[-1], colours[depth])
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if ends:
        style.label_ends(axes, ends)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation ELBO  (nats, higher is better)")
    return figure


def _mean_curve(curves: pd.DataFrame, metrics: pd.DataFrame) -> pd.Series:
    """Return the mean over finished seeds, up to the last epoch that all of them reached."""
    done = metrics.loc[metrics["status"] == "done", "seed"]
    return curves[[seed for seed in curves if seed in set(done)]].dropna().mean(axis=1).dropna()


def _curve_limits(history: pd.DataFrame) -> tuple[float, float]:
    """Return limits that show the later half well; the first epochs may leave the axis below."""
    if history.empty:
        return -1.0, 0.0
    late = history.loc[history["epoch"] > history["epoch"].max() / 2, "validation"]
    low, high = float(late.quantile(0.05)), float(history["validation"].max())
    room = max(high - low, 1e-3 * abs(high), 1e-6)
    lowest = float(history["validation"].min()) - 0.05 * room
    return max(low - 1.5 * room, lowest), high + 0.1 * room
