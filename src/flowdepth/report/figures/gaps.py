"""The inference gap by depth."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowdepth.report import style

# Of each bar's colour as much as tells the two apart without colours: dark below, light above.
_PARTS = (
    ("approximation", "approximation gap", style.ACCENT, 0.9),
    ("amortisation", "amortisation gap", style.CONTRAST, 0.55),
)
# Hatched bars stand for an optimisation that had further to go.
_UNFINISHED = "////"


def inference_gap(gaps: pd.DataFrame) -> Figure:
    """Draw the two parts of the inference gap stacked, each with the interval of its own mean."""
    figure = style.new_figure()
    axes = figure.add_subplot()
    style.depth_axis(axes, gaps["depth"].tolist())
    done = gaps[gaps["seeds"] > 0]
    width = 0.62 * style.closest(style.depth_positions(gaps["depth"]))
    bottom = pd.Series(0.0, index=done.index)
    for (name, _, colour, share), side in zip(_PARTS, (-1, 1), strict=True):
        _bars(axes, done, name, bottom, width, _mixed(colour, "white", share))
        _intervals(axes, done, name, bottom, side * width / 8, colour)
        bottom = bottom + done[f"{name}_mean"]
    style.mark_failed(axes, gaps.loc[gaps["seeds"] == 0, "depth"])
    _legend(figure, done)
    axes.set_ylabel("inference gap  (nats)")
    return figure


def _bars(
    axes: Axes,
    done: pd.DataFrame,
    name: str,
    bottom: pd.Series,
    width: float,
    colour: tuple[float, float, float],
) -> None:
    bars = axes.bar(
        style.depth_positions(done["depth"]),
        done[f"{name}_mean"],
        width,
        bottom,
        color=colour,
        edgecolor="white",
        lw=0,
    )
    for bar, depth, converged in zip(bars, done["depth"], done["converged"], strict=True):
        bar.set_gid(style.mark(name, depth, "mean"))
        bar.set_hatch("" if converged else _UNFINISHED)


def _intervals(
    axes: Axes, done: pd.DataFrame, name: str, bottom: pd.Series, shift: float, colour: str
) -> None:
    """Draw the intervals at the upper ends of their bars, side by side so that both are seen."""
    x = style.depth_positions(done["depth"]) + shift
    low, high = (bottom + done[f"{name}_{part}"] for part in ("low", "high"))
    axes.vlines(x, low, high, color=_mixed(colour, "black", 0.55), lw=1.8, zorder=4)


def _mixed(colour: str, other: str, share: float) -> tuple[float, float, float]:
    """Return ``share`` of one colour with the rest of another."""
    first, second = (np.array(mpl.colors.to_rgb(c)) for c in (colour, other))
    red, green, blue = (share * first + (1 - share) * second).tolist()
    return red, green, blue


def _legend(figure: Figure, done: pd.DataFrame) -> None:
    handles = [
        mpl.patches.Patch(color=_mixed(colour, "white", share), lw=0, label=label)
        for _, label, colour, share in reversed(_PARTS)
    ]
    if not done["converged"].all():
        hatch: dict[str, Any] = {
            "facecolor": style.GREY,
            "edgecolor": "white",
            "hatch": _UNFINISHED,
            "lw": 0,
        }
        handles.append(mpl.patches.Patch(label="too few steps", **hatch))
    shape: dict[str, Any] = {"ncols": len(handles), "handlelength": 1.4, "columnspacing": 1.4}
    figure.legend(handles=handles, loc="outside upper left", frameon=False, **shape)
