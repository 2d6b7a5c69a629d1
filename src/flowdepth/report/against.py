"""Every depth against any other: the differences that a reader of the page can choose."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from markupsafe import Markup

from flowdepth.analysis.comparisons import against
from flowdepth.report import pages
from flowdepth.report.tables import differences

_WIDTH, _HEIGHT, _EDGE = 120, 14, 4
_DRAWN = "lower ← 0 → higher"


def against_each(metrics: pd.DataFrame) -> dict[int, list[list[str]]]:
    """Return by depth the table of all others' differences in NLL from it, with a bar each."""
    depths = sorted(map(int, metrics["depth"].unique()))
    return {depth: _rows(against(metrics, depth)) for depth in depths if len(depths) > 1}


def with_bars(rows: list[list[str]], compared: pd.DataFrame) -> list[list[str]]:
    """Return header and rows of a table with a bar for each row of ``compared``."""
    return [[*row, bar] for row, bar in zip(rows, [_DRAWN, *_bars(compared)], strict=True)]


def _rows(compared: pd.DataFrame) -> list[list[str]]:
    texts = pd.DataFrame({"K": compared["depth"].map(str), **differences(compared)})
    return with_bars(pages.rows(texts), compared)


def _bars(compared: pd.DataFrame) -> Iterable[Markup]:
    """Return the intervals on one scale, which has 0 in the middle."""
    reach = compared[["mean", "low", "high"]].abs().max().max()
    scale = (_WIDTH / 2 - _EDGE) / reach if reach > 0 else 0.0
    for mean, low, high in zip(compared["mean"], compared["low"], compared["high"], strict=True):
        yield _bar(*(_WIDTH / 2 + scale * value for value in (mean, low, high)))


def _bar(mean: float, low: float, high: float) -> Markup:
    middle, zero = _HEIGHT / 2, _WIDTH / 2
    # NaN, where nothing is known, is not equal to itself.
    interval = f'<path d="M{low:.1f} {middle}H{high:.1f}"/>' if low == low else ""
    dot = f'<circle cx="{mean:.1f}" cy="{middle}" r="3"/>' if mean == mean else ""
    svg = (
        f'<svg class="bar" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">'
        f'<path class="zero" d="M{zero} 0V{_HEIGHT}"/>{interval}{dot}</svg>'
    )
    return Markup(svg)  # noqa: S704
