"""The packs' gaps.parquet and the study's log p(x) -> a row per depth, intervals across seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from flowdepth.analysis.certificate import TEST, read_certificates
from flowdepth.analysis.columns import IMAGES
from flowdepth.analysis.readers import read_rows, refuse_repeats
from flowdepth.analysis.statistics import t_interval
from flowdepth.estimation.thresholds import CONVERGED
from flowdepth.settings.study import Study

COLUMNS = ("seed", "image", "elbo", "optimised_elbo", "last_improvement")
GAPS = ("approximation", "amortisation", "inference")
_KEYS = ["depth", "seed", "image"]
# The optimisation has converged where its last rounds gained less than this share of the smaller
# gap, or so few nats that an image by itself has converged.
_SHARE = 0.1


def read_gaps(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return a row per depth, finished seed and image, with ``approximation`` and ``amortisation``.

    The first is ``log p(x) - L[q*]``, what the family of posteriors costs, the second
    ``L[q*] - L[q]``, what the encoder loses within the family. ``log_p`` is the annealed estimate
    where there is one, that of all importance samples elsewhere.

    Raises
    ------
    UserError
        If a file is missing, damaged, lacks a column, or the seeds are not the study's.
    """
    frame = read_rows(study, packs, "gaps.parquet", COLUMNS)
    refuse_repeats("gaps.parquet", frame, _KEYS)
    known = read_rows(study, packs, "images.parquet", IMAGES)[[*_KEYS, "log_p"]]
    frame = frame.merge(known, on=_KEYS)
    certified = read_certificates(study, packs)
    annealed = certified.loc[certified["kind"] == TEST, [*_KEYS, "annealed"]]
    annealed = frame[_KEYS].merge(annealed.astype(dict.fromkeys(_KEYS, int)), "left", _KEYS)
    frame["log_p"] = annealed["annealed"].astype(float).fillna(frame["log_p"])
    frame["approximation"] = frame["log_p"] - frame["optimised_elbo"]
    frame["amortisation"] = frame["optimised_elbo"] - frame["elbo"]
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
        "converged": bool(gained < max(_SHARE * smaller, CONVERGED)),
    }
