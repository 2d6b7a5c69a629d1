"""The packs' gaps.parquet -> a row per depth, with intervals across seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from flowdepth.analysis.readers import read_rows, refuse_repeats
from flowdepth.analysis.statistics import t_interval
from flowdepth.settings.study import Study

COLUMNS = (
    *("seed", "image", "elbo", "optimised_elbo", "log_p", "log_p_mcse"),
    *("approximation", "amortisation", "last_improvement"),
)
GAPS = ("approximation", "amortisation", "inference")
# The optimisation has converged where its second half gained less than this share of the smaller
# gap, or less than can be told from Monte-Carlo error.
_SHARE = 0.1
_TOLD_APART = 0.005  # nats


def read_gaps(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return a row per depth, finished seed and image.

    Raises
    ------
    UserError
        If a file is missing, damaged, lacks a column, or the seeds are not the study's.
    """
    frame = read_rows(study, packs, "gaps.parquet", COLUMNS)
    refuse_repeats("gaps.parquet", frame, ["depth", "seed", "image"])
    return frame


def gap_summary(frame: pd.DataFrame, depths: Sequence[int]) -> pd.DataFrame:
    """Return a row per depth, numbers missing where no seed finished; nats.

    ``<gap>_mean``, ``_low`` and ``_high`` for the approximation, the amortisation and the whole
    inference gap: seeds are the unit of replication, each the mean over its images. Besides
    ``last_improvement``, and whether by it the optimisation ``converged``.
    """
    means = frame.assign(inference=frame["approximation"] + frame["amortisation"])
    means = means.groupby(["depth", "seed"])[[*GAPS, "last_improvement"]].mean()
    rows = [_row(depth, means[means.index.get_level_values("depth") == depth]) for depth in depths]
    return pd.DataFrame(rows)


def _row(depth: int, seeds: pd.DataFrame) -> dict[str, float | int | bool]:
    intervals = {gap: t_interval(seeds[gap]) for gap in GAPS}
    gained = float(seeds["last_improvement"].mean())
    smaller = np.fmin(intervals["approximation"].mean, intervals["amortisation"].mean)
    return {
        "depth": depth,
        "seeds": len(seeds),
        **{
            f"{gap}_{part}": getattr(interval, part)
            for gap, interval in intervals.items()
            for part in ("mean", "low", "high")
        },
        "last_improvement": gained,
        "converged": bool(gained < max(_SHARE * smaller, _TOLD_APART)),
    }
