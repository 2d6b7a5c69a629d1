"""The packs' certify.parquet -> the bias of importance sampling by depth, and NLLs without it.

The corrected NLL of a seed is importance sampling's over all test images, less the mean of what
annealing finds above it on a random sub-sample: the difference estimator of two-phase sampling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flowdepth.analysis.columns import CERTIFICATE, CERTIFIED
from flowdepth.analysis.readers import read_examples, read_rows, refuse_repeats
from flowdepth.settings.study import Study

TEST, SIMULATED = "test", "simulated"


def read_certificates(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return a row per kind of image, depth, finished seed and image; none if not asked for.

    Raises
    ------
    UserError
        If a file is missing, damaged, lacks a column, or the seeds are not the study's.
    """
    if study.certify.images == 0:
        return pd.DataFrame(columns=[*CERTIFIED, "depth"])
    frame = read_rows(study, packs, "certify.parquet", CERTIFIED)
    refuse_repeats("certify.parquet", frame, ["kind", "depth", "seed", "image"])
    return frame


def certificate_table(rows: pd.DataFrame, depths: Sequence[int], test_images: int) -> pd.DataFrame:
    """Return the columns of ``certificate.csv``, a row per depth; nats.

    ``bias`` is what importance sampling is too low by, a mean over seeds and images with its
    standard error over images; ``lower`` and ``upper`` bound the mean log p(x) of simulated images,
    and ``sandwich`` is the distance of the two.
    """
    found = [_row(depth, rows[rows["depth"] == depth], test_images) for depth in sorted(depths)]
    return pd.DataFrame(found, columns=CERTIFICATE)


def _row(depth: int, rows: pd.DataFrame, test_images: int) -> dict[str, Any]:
    test, known = (rows[rows["kind"] == kind] for kind in (TEST, SIMULATED))
    width = known["upper"] - known["annealed"]
    return {
        "depth": depth,
        "images": test["image"].nunique(),
        "simulated": len(known),
        "seeds": test["seed"].nunique(),
        "bias_mean": test["bias"].mean(),
        "bias_se": bias_error(test, test_images),
        "lower_mean": known["annealed"].mean(),
        "upper_mean": known["upper"].mean(),
        "sandwich_mean": width.mean(),
        "sandwich_se": width.sem(),
    }


def bias_error(test: pd.DataFrame, test_images: int, against: pd.DataFrame | None = None) -> float:
    """Return the standard error of the mean bias over the sub-sample, averaged over its seeds.

    ``sqrt((1 - n / N) s^2 / n + e^2 / N)`` for ``n`` of ``N`` test images, with the deviation ``s``
    over images and the mean square ``e^2`` of their Monte-Carlo errors, which ``s`` contains. With
    ``against``, that of the difference of two biases on the same images.
    """
    bias, noise = _by_image(test)
    if against is not None:
        other, more = _by_image(against)
        bias, noise = bias - other, noise + more
    n = len(bias)
    if n < 2:
        return math.nan
    variance = (1 - n / test_images) * float(bias.var()) / n + float(noise.mean()) / test_images
    return math.sqrt(variance)


def _by_image(test: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return the mean over seeds of each image's bias, and the square of its error."""
    images = test.assign(square=test["annealed_mcse"] ** 2).groupby("image")
    return images["bias"].mean(), images["square"].sum() / images.size() ** 2


def corrected(
    metrics: pd.DataFrame, rows: pd.DataFrame, test_images: int, pixels: int
) -> pd.DataFrame:
    """Return metrics whose ``nll`` is the corrected one, importance sampling's beside it.

    ``nll_correction_se`` is the error of the correction. A seed of which nothing could be annealed
    has failed. Where nothing was asked for, ``nll`` stays importance sampling's.
    """
    frame = metrics.assign(nll_importance=metrics["nll"], nll_correction_se=math.nan)
    if rows.empty:
        return frame
    cells = rows[rows["kind"] == TEST].groupby(["depth", "seed"])
    errors = {cell: bias_error(test, test_images) for cell, test in cells}
    keys = pd.MultiIndex.from_frame(frame[["depth", "seed"]])
    bias = cells["bias"].mean().reindex(keys).to_numpy()
    frame["nll"] -= bias
    frame["nll_correction_se"] = pd.Series(errors).reindex(keys).to_numpy()
    if "bits_per_dim" in frame:
        frame["bits_per_dim"] -= bias / (pixels * math.log(2))
    lost = (frame["status"] == "done") & frame["nll"].isna()
    frame["status"] = frame["status"].mask(lost, "failed")
    frame["message"] = frame["message"].mask(lost, "no finite annealed estimate")
    return frame


def pixels(packs: Sequence[Path]) -> int:
    """Return the number of pixels of the packs' images."""
    height, width = read_examples(packs[0], 1).originals.shape[-2:]
    return int(height * width)
