"""What the pages say of the published studies, as it follows from what was kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import flowdepth
from flowdepth.base.environment import home
from flowdepth.report.typesetting import BRACKET, intervals
from flowdepth.study import layout

FOLDER = home() / layout.REFERENCE
STUDIES = tuple(sorted(path.name for path in FOLDER.iterdir() if layout.is_reference(path)))
HEAD = "| K | by importance sampling | too high by ± SE | test NLL | difference from K = 0 |"


def rows(study: str | Path) -> Iterator[str]:
    """Yield the rows of a study's table in Markdown."""
    results = flowdepth.results(FOLDER / study)
    table = results.summary.merge(results.certificate, on="depth")
    places = 3 if table["nll_difference_se"].max() < 0.05 else 2
    nll = intervals(table, "nll_", BRACKET)
    difference = intervals(table, "nll_difference_", BRACKET, sign="+")
    for place, row in enumerate(table.to_dict("records")):
        gain = "" if pd.isna(row["nll_difference_mean"]) else difference[place]
        yield (
            (
                f"| {row['depth']} | {row['nll_importance_mean']:.{places}f} "
                f"| {row['bias_mean']:.{places}f} ± {row['bias_se']:.{places}f} "
                f"| {nll[place]} | {gain} |"
            )
            .replace("-", "−")
            .replace("|  |", "| |")
        )
