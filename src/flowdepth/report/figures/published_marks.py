"""Published numbers beside the study's own: hollow grey marks with letters, and their key."""

from __future__ import annotations

import string
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowdepth.report import style
from flowdepth.settings.sections import Published

# Shares of the measured range: how much the axis may grow on either side, and left around a mark.
_GROWTH, _AIR = 0.5, 0.06
_KEY_SIZE, _KEY_COLUMNS = 7.5, 88
_LINE_INCHES = 1.25 * _KEY_SIZE / 72


def mark_published(axes: Axes, published: Sequence[Published], depths: Sequence[int]) -> None:
    """Draw a diamond at a mark's depth, or a dotted line where it has none on the axis.

    What was measured keeps at least half of the axis; arrows at its corners tell of marks beyond.
    """
    positions = style.depth_positions(depths)
    low, high = _limits(axes, published)
    axes.set_ylim(low, high)
    below: list[str] = []
    above: list[str] = []
    for letter, mark in zip(string.ascii_lowercase, published, strict=False):
        if low <= mark.nll <= high:
            _draw(axes, letter, mark, _place(mark.depth, positions))
        else:
            (below if mark.nll < low else above).append(letter)
    place: dict[str, Any] = {"transform": axes.transAxes, "color": style.GREY}
    if below:
        axes.text(1.01, 0, " ".join(["↓", *below]), va="top", **place)
    if above:
        axes.text(1.01, 1, " ".join(["↑", *above]), va="bottom", **place)


def _place(depth: int | None, positions: np.ndarray) -> float | None:
    if depth is None:
        return None
    x = float(style.depth_positions(depth))
    on_axis = positions.min() <= x <= positions.max()
    return x - 0.18 * style.closest(positions) if on_axis else None


def _limits(axes: Axes, published: Sequence[Published]) -> tuple[float, float]:
    """Return limits that hold, with their spreads, the marks near to what the axes show."""
    low, high = axes.get_ylim()
    room, air = _GROWTH * (high - low), _AIR * (high - low)
    ends = [mark.nll + side * ((mark.spread or 0) + air) for mark in published for side in (-1, 1)]
    near = [y for y in ends if low - room <= y <= high + room]
    return min([low, *near]), max([high, *near])


def _draw(axes: Axes, letter: str, mark: Published, x: float | None) -> None:
    name: dict[str, Any] = {"color": style.GREY, "va": "center", "textcoords": "offset points"}
    if x is None:
        axes.axhline(mark.nll, color=style.GREY, lw=0.9, ls=":", zorder=1)
        edge = axes.get_yaxis_transform()
        axes.annotate(letter, (0, mark.nll), (3, 5), xycoords=edge, **name)
        return
    if mark.spread is not None:
        bounds = mark.nll - mark.spread, mark.nll + mark.spread
        axes.vlines(x, *bounds, color=style.GREY, lw=0.9, zorder=1)
    hollow: dict[str, Any] = {"mfc": "white", "mec": style.GREY, "mew": 1.0, "ms": 5, "zorder": 2}
    axes.plot(x, mark.nll, "D", **hollow)
    axes.annotate(letter, (x, mark.nll), (-5, 0), ha="right", **name)


def add_key(figure: Figure, published: Sequence[Published]) -> None:
    """Write below the panels what each letter stands for; the figure grows by these lines."""
    pairs = zip(string.ascii_lowercase, published, strict=False)
    entries = [
        textwrap.fill(_entry(*pair), _KEY_COLUMNS, subsequent_indent="    ") for pair in pairs
    ]
    head = "◇ ⋯  test NLL in nats as published, from other code; ↓ ↑ beyond the axis"
    text = "\n".join([head, *entries])
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + _LINE_INCHES * (1 + text.count("\n")))
    figure.supxlabel(text, x=0.01, ha="left", fontsize=_KEY_SIZE, color=style.GREY, linespacing=1.2)


def _entry(letter: str, mark: Published) -> str:
    bound = "≤ " if mark.bound else ""
    spread = f" ± {mark.spread:g}" if mark.spread is not None else ""
    return f"{letter}  {mark.label}: {bound}{mark.nll:g}{spread}, quoted {mark.quoted}"
