"""The numbers that a figure draws, as a table for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

import numpy as np
import pandas as pd

from flowdepth.analysis.comparisons import by_seed
from flowdepth.analysis.results import StudyResults, called
from flowdepth.report.shown import shown_images

_DIGITS = "%.6g"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def sheet(figure: str, results: StudyResults) -> str:
    """Return a figure's numbers as an address that holds them as CSV; empty where it has none."""
    if figure in _WHOLE:
        table = getattr(results, _WHOLE[figure])
    elif figure in _BY_FIGURE:
        table = called(_BY_FIGURE[figure], results)
    else:
        return ""
    return as_csv(table)


def as_csv(table: pd.DataFrame) -> str:
    """Return an address that holds a table as CSV."""
    text = table.to_csv(index=False, float_format=_DIGITS)
    return f"data:text/csv;charset=utf-8,{quote(text, safe=',')}"


def _nll_by_depth(metrics: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    return _means_and_seeds(by_seed(metrics), summary, ("nll", "nll_difference"))


def _elbo_and_nll(metrics: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    return _means_and_seeds(by_seed(metrics), summary, ("neg_elbo", "nll"))


def _means_and_seeds(
    metrics: pd.DataFrame, summary: pd.DataFrame, names: Sequence[str]
) -> pd.DataFrame:
    """Return a row per depth of means and intervals, and below them one per depth and seed."""
    parts = [f"{name}_{part}" for name in names for part in ("mean", "low", "high")]
    means = summary[["depth", *parts]].assign(seed="mean")
    means = means.rename(columns={f"{name}_mean": name for name in names})
    seeds = metrics.loc[metrics["status"] == "done", ["depth", "seed", *names]]
    order = ["depth", "seed", *[name.removesuffix("_mean") for name in parts]]
    return pd.concat([means, seeds.astype({"seed": str})])[order]


def _weights(images: pd.DataFrame) -> pd.DataFrame:
    by_depth = images.groupby("depth")[["ess", "k_hat"]].quantile(np.array(_QUANTILES))
    return by_depth.rename_axis(["depth", "quantile"]).reset_index()


def _learning_curves(history: pd.DataFrame) -> pd.DataFrame:
    return history[["depth", "seed", "epoch", "train", "validation", "beta"]]


# Figures that draw the whole of a table of the results, by the table's name.
_WHOLE = {"convergence": "convergence", "certificate": "certificate", "inference_gap": "gaps"}
_BY_FIGURE: dict[str, Callable[..., pd.DataFrame]] = {
    "nll_by_depth": _nll_by_depth,
    "elbo_and_nll": _elbo_and_nll,
    "weights": _weights,
    "learning_curves": _learning_curves,
    "reconstructions": shown_images,
}
