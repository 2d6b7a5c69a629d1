"""Packs' metrics -> metrics.csv (a row per depth and seed) and summary.csv (a row per depth)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowdepth.config import Study
from flowdepth.files import write_text
from flowdepth.results import MEANS, METRICS, read_packs
from flowdepth.stages.command import run
from flowdepth.statistics import Interval, paired_difference, t_interval

LAST = ("best_epoch", "message")


def metrics_table(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return the columns of ``metrics.csv``, a row per depth and seed."""
    frame = read_packs(study, packs).assign(study=study.name, dataset=study.dataset.name)
    bits = ["bits_per_dim"] if study.model.likelihood == "normal" else []
    return frame[[*METRICS, *bits, *LAST]]


def summary_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``summary.csv``, a row per depth, failed ones included."""
    reference = _nll_by_seed(metrics[metrics["depth"] == 0])
    rows = [_summary_row(depth, rows, reference) for depth, rows in metrics.groupby("depth")]
    frame = pd.DataFrame(rows)
    return frame.astype({"parameters": "Int64"})


def _summary_row(depth: int, rows: pd.DataFrame, reference: dict[int, float]) -> dict[str, Any]:
    done = rows[rows["status"] == "done"]
    difference = paired_difference(_nll_by_seed(done), {} if depth == 0 else reference)
    bits = {"bits_per_dim_mean": done["bits_per_dim"].mean()} if "bits_per_dim" in done else {}
    return {
        "depth": depth,
        "seeds": len(done),
        "failed": len(rows) - len(done),
        **_interval_columns("nll", t_interval(done["nll"])),
        **_interval_columns("neg_elbo", t_interval(-done["elbo"])),
        **_interval_columns("nll_difference", difference),
        "nll_mcse": _error_of_mean(done["nll_mcse"]),
        **{f"{name}_mean": done[name].mean() for name in MEANS},
        "parameters": done["parameters"].max(),
        # A failed seed has cost its time too.
        **{f"{name}_mean": rows[name].mean() for name in ("train_seconds", "evaluate_seconds")},
        **bits,
    }


def _interval_columns(name: str, interval: Interval) -> dict[str, float]:
    return {f"{name}_{part}": getattr(interval, part) for part in ("mean", "se", "low", "high")}


def _error_of_mean(errors: pd.Series) -> float:
    """Return the Monte Carlo error of a mean of independent estimates: sqrt(sum e^2) / n."""
    return float(np.sqrt((errors**2).sum()) / len(errors)) if len(errors) else np.nan


def _nll_by_seed(rows: pd.DataFrame) -> dict[int, float]:
    done = rows[rows["status"] == "done"]
    return dict(zip(done["seed"].tolist(), done["nll"].tolist(), strict=True))


def main() -> None:
    """Write the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the whole study as JSON")
    parser.add_argument("--packs", required=True, type=Path, nargs="+", help="folders of the jobs")
    parser.add_argument("--metrics", required=True, type=Path)
    parser.add_argument("--summary", required=True, type=Path)
    args = parser.parse_args()
    metrics = metrics_table(Study.model_validate_json(args.settings), args.packs)
    write_text(args.metrics, metrics.to_csv(index=False))
    write_text(args.summary, summary_table(metrics).to_csv(index=False))
    print(f"wrote {args.metrics} and {args.summary}: {len(metrics)} trainings")


if __name__ == "__main__":
    run(main)
