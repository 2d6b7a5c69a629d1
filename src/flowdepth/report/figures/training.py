"""How training went."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowdepth.report import style

# By label where a line ends, and its colour.
Ends = dict[str, tuple[float, float, tuple[float, float, float]]]


def learning_curves(history: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Draw the ELBO by epoch of training and of validation images, a bold line a depth's mean.

    Thin lines are seeds; ticks at the foot are their best epochs, a dotted line ends the warm-up.
    """
    figure = style.new_figure(width=1.5 * style.WIDTH, height=1.1 * style.HEIGHT)
    panels = figure.subplots(1, 2, sharex=True)
    history = history[np.isfinite(history["validation"])]
    ends: Ends = {}
    for axes, name in zip(panels, ("train", "validation"), strict=True):
        axes.set_ylim(*_curve_limits(history, name))
        ends = _curves(axes, history, metrics, name)
        _mark_warm_up(axes, history)
        axes.set_title({"train": "training objective"}.get(name, "validation ELBO"), fontsize=9)
        axes.set_xlabel("epoch")
    _mark_best_epochs(panels[1], metrics)
    panels[1].margins(x=0.01)
    panels[1].xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if ends:
        style.label_ends(panels[1], ends)
    panels[0].set_ylabel("nats an image, higher is better")
    return figure


def _curves(axes: Axes, history: pd.DataFrame, metrics: pd.DataFrame, name: str) -> Ends:
    """Draw a quantity of each depth; return by label where its line ends, and the colour."""
    ends: Ends = {}
    colours = style.depth_colours(metrics["depth"])
    by_depth: Iterable[tuple[Any, pd.DataFrame]] = history.groupby("depth")
    for depth, rows in by_depth:
        curves = rows.pivot(index="epoch", columns="seed", values=name)
        for seed in curves:
            gid = style.mark(name, depth, seed)
            axes.plot(curves[seed], color=colours[depth], lw=0.5, alpha=0.3, gid=gid)
        mean = _mean_curve(curves, metrics[metrics["depth"] == depth])
        if len(mean):
            look: dict[str, Any] = {"color": colours[depth], "ls": style.dashes(depth)}
            axes.plot(mean, lw=1.6, gid=style.mark(name, depth, "mean"), **look)
            ends[f"K = {depth}"] = (float(mean.index[-1]), float(mean.iloc[-1]), colours[depth])
    return ends


def _mark_warm_up(axes: Axes, history: pd.DataFrame) -> None:
    """Draw where beta reaches 1, if it rises at all."""
    warm = history.loc[history["beta"] < 1, "epoch"]
    if len(warm) and (history["beta"] >= 1).any():
        end = float(warm.max()) + 0.5
        axes.axvline(end, color=style.GREY, lw=0.8, ls=":")
        place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "va": "top"}
        axes.text(end, 0.99, " warm-up ends", color=style.GREY, fontsize=7.5, **place)


def _mark_best_epochs(axes: Axes, metrics: pd.DataFrame) -> None:
    colours, place = style.depth_colours(metrics["depth"]), axes.get_xaxis_transform()
    for depth, rows in metrics[metrics["status"] == "done"].groupby("depth"):
        axes.vlines(
            rows["best_epoch"], 0, 0.03, color=colours[int(str(depth))], lw=1, transform=place
        )


def _mean_curve(curves: pd.DataFrame, metrics: pd.DataFrame) -> pd.Series:
    """Return the mean over finished seeds, up to the last epoch that all of them reached."""
    done = metrics.loc[metrics["status"] == "done", "seed"]
    return curves[[seed for seed in curves if seed in set(done)]].dropna().mean(axis=1).dropna()


def _curve_limits(history: pd.DataFrame, name: str) -> tuple[float, float]:
    """Return limits that show the later half well; the first epochs may leave the axis.

    Below, and during the warm-up, when the objective is another, above.
    """
    history = history[np.isfinite(history[name])]
    warm = history[history["beta"] >= 1]
    values = (warm if len(warm) else history)[name]
    if values.empty:
        return -1.0, 0.0
    late = history.loc[history["epoch"] > history["epoch"].max() / 2, name]
    low, high = float(late.quantile(0.05)), float(values.max())
    room = max(high - low, 1e-3 * abs(high), 1e-6)
    lowest = float(history[name].min()) - 0.05 * room
    return max(low - 1.5 * room, lowest), high + 0.1 * room
