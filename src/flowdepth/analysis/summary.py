"""Packs' numbers -> the study's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowdepth.analysis.certificate import (
    certificate_table,
    corrected,
    pixels,
    read_certificates,
)
from flowdepth.analysis.columns import CONVERGENCE, MEANS, METRICS, PACK_CONVERGENCE
from flowdepth.analysis.comparisons import comparisons_table
from flowdepth.analysis.readers import read_images, read_packs, read_rows
from flowdepth.analysis.statistics import Interval, paired_difference, t_interval
from flowdepth.settings.study import Study

LAST = ("best_epoch", "message")
# The columns of `estimation.baselines.baseline` where nobody has computed them.
UNKNOWN: dict[str, str | float] = {"baseline": "", "baseline_nll": np.nan}


def study_tables(
    study: Study, packs: Sequence[Path], baseline: Mapping[str, str | float] = UNKNOWN
) -> dict[str, pd.DataFrame]:
    """Return the study's tables by name; ``summary`` has the baseline's columns in every row.

    Raises
    ------
    UserError
        If a pack's file is missing, damaged, or does not fit the study.
    """
    estimates = read_packs(study, packs)
    images = read_images(study, packs, estimates)
    annealed, count = read_certificates(study, packs), images["image"].nunique()
    by_samples = read_rows(study, packs, "convergence.csv", PACK_CONVERGENCE)
    metrics = metrics_table(study, corrected(estimates, annealed, count, pixels(packs)))
    certificate = certificate_table(annealed, study.depths, count)
    return {
        "metrics": metrics,
        "summary": summary_table(metrics, images, certificate, baseline),
        "comparisons": comparisons_table(metrics, images, annealed),
        "convergence": convergence_table(by_samples),
        "certificate": certificate,
    }


def metrics_table(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``metrics.csv``, a row per depth and seed."""
    frame = frame.assign(study=study.name, dataset=study.dataset.name)
    bits = ["bits_per_dim"] if study.model.likelihood == "normal" else []
    return frame[[*METRICS, *bits, *LAST]]


def summary_table(
    metrics: pd.DataFrame,
    images: pd.DataFrame,
    certificate: pd.DataFrame,
    baseline: Mapping[str, str | float],
) -> pd.DataFrame:
    """Return the columns of ``summary.csv``, a row per depth, failed ones included.

    Four errors of ``nll_mean`` stand apart: ``nll_se`` across seeds, ``nll_image_se`` across test
    images, each averaged over the seeds first, ``nll_mcse`` of importance sampling, and
    ``nll_correction_se`` of the correction of its bias on a sub-sample.
    """
    correction = certificate.set_index("depth")["bias_se"]
    reference = _nll_by_seed(metrics[metrics["depth"] == 0])
    log_p = images.groupby(["depth", "image"])["log_p"].mean()
    across_images = log_p.groupby("depth").sem()
    by_depth: Iterable[tuple[Any, pd.DataFrame]] = metrics.groupby("depth")
    rows = [
        _summary_row(depth, rows, reference, across_images.get(depth, np.nan), correction[depth])
        for depth, rows in by_depth
    ]
    return pd.DataFrame(rows).assign(**baseline).astype({"parameters": "Int64"})


def convergence_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``convergence.csv``: means over seeds and their Monte-Carlo errors."""
    groups = rows.groupby(["depth", "samples"])
    columns = {
        "seeds": groups.size(),
        "nll_mean": groups["nll"].mean(),
        "nll_mcse": groups["nll_mcse"].agg(_error_of_mean),
    }
    return pd.DataFrame(columns).reset_index()[[*CONVERGENCE]]


def _summary_row(
    depth: int,
    rows: pd.DataFrame,
    reference: dict[int, float],
    across_images: float,
    correction: float,
) -> dict[str, Any]:
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
        "nll_importance_mean": done["nll_importance"].mean(),
        "nll_correction_se": correction,
        "nll_image_se": across_images,
        "nll_mcse": _error_of_mean(done["nll_mcse"]),
        **{f"{name}_mean": done[name].mean() for name in MEANS},
        "parameters": done["parameters"].max(),
        **bits,
    }


def _interval_columns(name: str, interval: Interval) -> dict[str, float]:
    return {f"{name}_{part}": getattr(interval, part) for part in ("mean", "se", "low", "high")}


def _error_of_mean(errors: pd.Series) -> float:
    """Return the Monte Carlo error of a mean of independent estimates: sqrt(sum e^2) / n."""
    return float(np.linalg.norm(errors)) / len(errors) if len(errors) else np.nan


def _nll_by_seed(rows: pd.DataFrame) -> dict[int, float]:
    done = rows[rows["status"] == "done"]
    return dict(zip(done["seed"].tolist(), done["nll"].tolist(), strict=True))
