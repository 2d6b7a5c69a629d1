"""The numbers that a figure draws, as a table for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

import numpy as np
import pandas as pd

from flowdepth.analysis.results import StudyResults, called
from flowdepth.report.shown import shown_images

_DIGITS = "%.6g"
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def sheet(figure: str, results: StudyResults) -> str:
    """Return a figure's numbers as an address that holds them as CSV; empty where it has none."""
    function = _BY_FIGURE.get(figure)
    if function is None:
        return ""
    text = called(function, results).to_csv(index=False, float_format=_DIGITS)
    return f"data:text/csv;charset=utf-8,{quote(text, safe=',')}"


def _nll_by_depth(metrics: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    vanilla = metrics[metrics["depth"] == 0].set_index("seed")["nll"]
    differences = metrics["nll"] - metrics["seed"].map(vanilla)
    rows = metrics.assign(nll_difference=differences.where(metrics["depth"] > 0))
    return _means_and_seeds(rows, summary, ("nll", "nll_difference"))


def _elbo_and_nll(metrics: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    rows = metrics.assign(neg_elbo=-metrics["elbo"])
    return _means_and_seeds(rows, summary, ("neg_elbo", "nll"))


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


def _convergence(convergence: pd.DataFrame) -> pd.DataFrame:
    return convergence


def _certificate(certificate: pd.DataFrame) -> pd.DataFrame:
    return certificate


def _inference_gap(gaps: pd.DataFrame) -> pd.DataFrame:
    return gaps


def _learning_curves(history: pd.DataFrame) -> pd.DataFrame:
    return history[["depth", "seed", "epoch", "train", "validation", "beta"]]


_BY_FIGURE: dict[str, Callable[..., pd.DataFrame]] = {
    "nll_by_depth": _nll_by_depth,
    "elbo_and_nll": _elbo_and_nll,
    "convergence": _convergence,
    "certificate": _certificate,
    "weights": _weights,
    "inference_gap": _inference_gap,
    "learning_curves": _learning_curves,
    "reconstructions": shown_images,
}
