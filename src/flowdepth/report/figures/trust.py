"""The two figures that show whether the estimates can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.report import style

# The band of the convergence figure, in standard errors on either side.
_BAND = 2
# Of a Normal's 95 % interval, in standard errors.
_TWO_SIDED = 1.96
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Weights have no mean from k = 1 on; how far beyond they are says nothing more.
_HIGHEST_K_HAT = 2.0


def convergence(convergence: pd.DataFrame) -> Figure:
    """Draw the NLL against the number of importance samples, a line and its band for each depth."""
    figure = style.new_figure()
    axes = figure.add_subplot()
    colours = style.depth_colours(convergence["depth"])
    ends = {}
    by_depth: Iterable[tuple[Any, pd.DataFrame]] = convergence.groupby("depth")
    for depth, rows in by_depth:
        samples, nll = rows["samples"], rows["nll_mean"]
        half = _BAND * rows["nll_mcse"]
        axes.fill_between(samples, nll - half, nll + half, color=colours[depth], alpha=0.2, lw=0)
        line: dict[str, Any] = {"color": colours[depth], "ls": style.dashes(depth)}
        axes.plot(samples, nll, lw=1.4, **line)
        marks = [style.mark("nll", depth, f"S{count}") for count in samples]
        style.dots(axes, samples, nll, marks, ms=2.5, color=colours[depth])
        ends[f"K = {depth}"] = (samples.iloc[-1], nll.iloc[-1], colours[depth])
    _sample_axis(axes)
    if ends:
        style.label_ends(axes, ends)
    else:
        axes.set_yticks([])
    axes.set_ylabel("test NLL\n(nats, lower is better)")
    return figure


def _sample_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.margins(x=0.01)
    axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    axes.set_xlabel("importance samples S  (log scale)")


def certificate(certificate: pd.DataFrame) -> Figure:
    """Draw by depth what importance sampling is low by, and how far the bounds are apart."""
    figure = style.new_figure(height=1.3 * style.HEIGHT)
    panels = figure.subplots(2, sharex=True)
    labels = ("importance sampling\nis low by (nats)", "bounds of log p(x)\napart by (nats)")
    for axes, name, label in zip(panels, ("bias", "sandwich"), labels, strict=True):
        done = certificate[certificate[f"{name}_mean"].notna()]
        x, mean = style.depth_positions(done["depth"]), done[f"{name}_mean"]
        half = _TWO_SIDED * done[f"{name}_se"]
        axes.axhline(0, color=style.GREY, lw=0.9, zorder=1)
        axes.vlines(x, mean - half, mean + half, color=style.ACCENT, lw=1.8, zorder=2)
        _means(axes, x, mean, done["depth"], name)
        axes.set_ylabel(label)
    style.depth_axis(panels[-1], certificate["depth"].tolist())
    for axes in panels:
        style.mark_failed(axes, certificate.loc[certificate["seeds"] == 0, "depth"])
    return figure


def weights(images: pd.DataFrame, summary: pd.DataFrame, samples: int) -> Figure:
    """Draw by depth how ESS share and Pareto shape are distributed over images and seeds."""
    known = images["k_hat"].notna().any()
    figure = style.new_figure(height=1.3 * style.HEIGHT if known else style.HEIGHT)
    panels = figure.subplots(2 if known else 1, sharex=True, squeeze=False)[:, 0]
    _distributions(panels[0], images.assign(share=100 * images["ess"] / samples), "share")
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("effective sample size\n(% of S)")
    if known:
        clipped = images["k_hat"].clip(upper=_HIGHEST_K_HAT)
        _distributions(panels[1], images.assign(k_hat=clipped), "k_hat")
    style.depth_axis(panels[-1], summary["depth"].tolist())
    for axes in panels:
        style.mark_failed(axes, summary.loc[summary["seeds"] == 0, "depth"])
    if known:
        _limit(panels[1], summary)
    return figure


def _distributions(axes: Axes, images: pd.DataFrame, name: str) -> None:
    """Draw the median a dot, the middle half a thick line and the middle 90 % a thin one."""
    if images.empty:
        axes.set_yticks([])
        return
    by_depth = images.dropna(subset=name).groupby("depth")[name]
    spread = by_depth.quantile(np.array(_QUANTILES)).unstack()
    x = style.depth_positions(spread.index)
    for (low, high), width in (((0.05, 0.95), 0.9), ((0.25, 0.75), 3.2)):
        axes.vlines(x, spread[low], spread[high], color=style.ACCENT, lw=width, zorder=2)
    _means(axes, x, spread[0.5], spread.index, name)


def _means(axes: Axes, x: ArrayLike, y: ArrayLike, depths: Iterable[object], name: str) -> None:
    marks = [style.mark(name, depth, "mean") for depth in depths]
    look: dict[str, Any] = {"ms": 5.5, "mec": "white", "mew": 1, "zorder": 3}
    style.dots(axes, x, y, marks, color=style.ACCENT, **look)


def _limit(axes: Axes, summary: pd.DataFrame) -> None:
    """Draw the limit of k_hat, and by depth the percentage of images beyond it."""
    axes.axhline(K_HAT_LIMIT, color=style.CONTRAST, lw=0.9, ls=(0, (4, 3)), zorder=1)
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "top", "fontsize": 7.5}
    axes.text(1.01, K_HAT_LIMIT, str(K_HAT_LIMIT), color=style.CONTRAST, **place)
    shares = summary.set_index(summary["depth"].map(str))["k_hat_share_mean"].dropna()
    axes.margins(y=0.15)
    for label in axes.get_xticklabels():
        if label.get_text() in shares:
            percentage = f"{100 * shares[label.get_text()]:.1f}"
            _percentage(axes, label.get_position()[0], percentage, ha="center")
    _percentage(axes, axes.get_xlim()[1], f"  % > {K_HAT_LIMIT}", ha="left")
    axes.set_ylabel("Pareto shape\n$\\hat{k}$ of the weights", parse_math=True)


def _percentage(axes: Axes, x: float, text: str, ha: str) -> None:
    place = axes.get_xaxis_transform()
    axes.text(x, 0.99, text, transform=place, color=style.CONTRAST, ha=ha, va="top", fontsize=7.5)
