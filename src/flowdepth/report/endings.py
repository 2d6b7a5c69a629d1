"""Whether trainings ended before they had learnt what they could, in words."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

# A best epoch in this last share of all leaves open what a next one would have been.
_LAST = 0.1
# The share of the epochs over which the validation ELBO is asked whether it still rises.
_QUARTER = 0.25
_CELL = ["depth", "seed"]


def unfinished(
    history: pd.DataFrame, metrics: pd.DataFrame, summary: pd.DataFrame
) -> Iterator[str]:
    """Yield what of the finished trainings' ends a reader must know, a sentence each."""
    done = metrics[metrics["status"] == "done"]
    if done.empty:
        return
    rows = history.merge(done[_CELL], on=_CELL)
    yield from _cold(rows)
    late = int((done["best_epoch"] > (1 - _LAST) * done["epochs"]).sum())
    if late:
        yield (
            f"{late} of {len(done)} trainings have their best epoch among the last tenth of all: "
            "longer ones would end elsewhere."
        )
    yield from _rising(rows, summary)


def _cold(rows: pd.DataFrame) -> Iterator[str]:
    last = rows.sort_values("epoch").groupby(_CELL)["beta"].last()
    cold = last[last < 1]
    if len(cold):
        yield (
            f"{len(cold)} of {len(last)} trainings ended inside their warm-up, at a temperature of "
            f"{cold.min():.2f} where all else is at 1: train longer, or shorten "
            "objective.annealing.length."
        )


def _rising(rows: pd.DataFrame, summary: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence where the last quarter's gain exceeds the largest effect of depth."""
    best = rows.assign(best=rows.groupby(_CELL)["validation"].cummax())
    share = best["epoch"] / best.groupby(_CELL)["epoch"].transform("max")
    early = best[share <= 1 - _QUARTER].groupby(_CELL)["best"].last()
    gain = (best.groupby(_CELL)["best"].last() - early).groupby("depth").mean()
    effect = float(summary["nll_difference_mean"].abs().max())
    if gain.notna().any() and gain.max() > effect:
        yield (
            f"Over the last quarter of training the validation ELBO rose by {gain.max():.3f} nats "
            f"at K = {gain.idxmax()}, more than depth is found to change the NLL, {effect:.3f}: "
            "train longer."
        )
