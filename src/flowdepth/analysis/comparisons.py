"""Which differences between depths are larger than chance: the rows of comparisons.csv.

Differences of NLL in nats per image, negative where the deeper flow is better. Seeds are the unit
of replication, and a seed is paired with itself.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from flowdepth.analysis.certificate import TEST, bias_error
from flowdepth.analysis.columns import COMPARISONS
from flowdepth.analysis.statistics import Interval, holm, paired_difference, t_interval

VANILLA, NEIGHBOUR, TREND = "vanilla", "neighbour", "trend"


def comparisons_table(
    metrics: pd.DataFrame, images: pd.DataFrame, annealed: pd.DataFrame
) -> pd.DataFrame:
    """Return a row per comparison, from metrics.csv and the images of finished trainings.

    ``kind`` is ``vanilla`` (each depth against K = 0), ``neighbour`` (each depth against the next
    lower one of the grid) or ``trend`` (nats per doubling of K, over K >= 1). ``p`` is that of the
    paired t-test over seeds, ``p_holm`` the same adjusted for the number of comparisons of the kind
    (Holm 1979). ``image_mean``, ``image_se`` and ``image_share_improved`` average each image over
    the seeds first and then take the images as the sample: they are importance sampling's.

    ``annealed`` are the rows of certify.parquet, none where nothing was annealed. By them
    ``shift_mean`` is the estimator's share of importance sampling's difference, with an interval
    over seeds, and ``correction_se`` the error over images that taking it out has added.
    """
    nll, by_importance = (
        metrics.pivot(index="seed", columns="depth", values=name)
        for name in ("nll", "nll_importance")
    )
    log_p = images.pivot(index="image", columns=["depth", "seed"], values="log_p")
    depths = sorted(map(int, nll.columns))
    pairs = [(VANILLA, 0, depth) for depth in depths if 0 in depths and depth > 0]
    pairs += [(NEIGHBOUR, *pair) for pair in pairwise(depths)]
    rows = [
        _comparison(kind, nll, log_p, lower, depth)
        | _correction(by_importance - nll, annealed, images["image"].nunique(), lower, depth)
        for kind, lower, depth in pairs
    ]
    frame = pd.DataFrame([*rows, *_trend(nll)], columns=COMPARISONS)
    frame["p_holm"] = frame.groupby("kind", sort=False)["p"].transform(holm)
    return frame


def by_seed(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the seeds' metrics with ``neg_elbo`` and ``nll_difference``, the NLL less K = 0's.

    The latter is unknown at K = 0 itself, and where either training has failed.
    """
    vanilla = metrics[metrics["depth"] == 0].set_index("seed")["nll"]
    difference = (metrics["nll"] - metrics["seed"].map(vanilla)).where(metrics["depth"] > 0)
    return metrics.assign(neg_elbo=-metrics["elbo"], nll_difference=difference)


def against(metrics: pd.DataFrame, reference: int) -> pd.DataFrame:
    """Return every other depth's difference from ``reference``, a row each, by seeds alone.

    ``p_holm`` is adjusted for the number of these rows.
    """
    nll = metrics.pivot(index="seed", columns="depth", values="nll")
    values = {depth: nll[depth].dropna().to_dict() for depth in map(int, nll.columns)}
    rows = [
        _row("against", reference, depth, paired_difference(of, values[reference]), seeds=len(nll))
        for depth, of in sorted(values.items())
        if depth != reference
    ]
    frame = pd.DataFrame(rows, columns=COMPARISONS)
    return frame.assign(p_holm=holm(frame["p"]))


def _comparison(
    kind: str, nll: pd.DataFrame, log_p: pd.DataFrame, reference: int, depth: int
) -> dict[str, Any]:
    found = paired_difference(nll[depth].dropna().to_dict(), nll[reference].dropna().to_dict())
    return {
        **_row(kind, reference, depth, found, seeds=len(nll)),
        **_over_images(log_p, nll[[reference, depth]].dropna().index, reference, depth),
    }


def _correction(
    bias: pd.DataFrame, annealed: pd.DataFrame, test_images: int, reference: int, depth: int
) -> dict[str, float]:
    """Return what the correction of either depth does to the difference, and its error."""
    test = annealed[annealed["kind"] == TEST]
    found, other = (test[test["depth"] == k] for k in (depth, reference))
    if found.empty or other.empty:
        return {}
    shift = paired_difference(bias[depth].dropna().to_dict(), bias[reference].dropna().to_dict())
    return {
        "shift_mean": shift.mean,
        "shift_low": shift.low,
        "shift_high": shift.high,
        "correction_se": bias_error(found, test_images, other),
    }


def _row(kind: str, reference: int, depth: int, found: Interval, seeds: int) -> dict[str, Any]:
    place = {"kind": kind, "reference": reference, "depth": depth}
    return {**place, "seeds": found.n, "failed": seeds - found.n, **asdict(found)}


def _over_images(
    log_p: pd.DataFrame, seeds: pd.Index, reference: int, depth: int
) -> dict[str, float]:
    """Return mean, standard error and share below 0 of the images' differences."""
    if seeds.empty:
        return {}
    # Columns of two levels: a depth's are a frame.
    difference = log_p[reference][seeds].mean(axis=1) - log_p[depth][seeds].mean(axis=1)  # type: ignore[call-overload]
    return {
        "image_mean": float(difference.mean()),
        "image_se": float(difference.sem()),
        "image_share_improved": float((difference < 0).mean()),
    }


def _trend(nll: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the row of the slope against log2 K, fitted to each seed that has every depth."""
    layered = nll[[depth for depth in map(int, nll.columns) if depth > 0]].dropna(axis=1, how="all")
    depths = sorted(map(int, layered.columns))
    if len(depths) < 2:
        return []
    complete = layered[depths].dropna()
    log_depth = np.log2(np.array(depths, dtype=np.float64))
    centred = log_depth - log_depth.mean()
    slopes = complete.to_numpy() @ centred / (centred @ centred)
    return [_row(TREND, depths[0], depths[-1], t_interval(slopes), seeds=len(nll))]
