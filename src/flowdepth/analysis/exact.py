"""The estimates beside the log-likelihoods by quadrature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from flowdepth.analysis.certificate import TEST, read_certificates
from flowdepth.analysis.columns import EXACT_IMAGES, IMAGES, PACK_EXACT
from flowdepth.analysis.readers import REDO, read_pack, read_rows
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study
from flowdepth.study import layout

_KEYS = ["seed", "image"]


def read_exact(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return `compare` of every pack with its ``depth``, sorted by depth and seed.

    Raises
    ------
    UserError
        If a file is missing or damaged, or the estimates are of other images or seeds.
    """
    frames = [_pack(study, pack).assign(depth=layout.depth_of(pack)) for pack in packs]
    return pd.concat(frames).sort_values(["depth", "seed"], ignore_index=True)


def read_estimators(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return a row per depth, seed and annealed test image: log p(x) by three ways, in nats.

    ``exact_log_p`` by quadrature, ``importance`` and ``annealed`` with their Monte-Carlo errors.

    Raises
    ------
    UserError
        If a file is missing or damaged.
    """
    annealed = read_certificates(study, packs)
    exact = read_rows(study, packs, "exact.parquet", EXACT_IMAGES)
    return annealed[annealed["kind"] == TEST].merge(
        exact, on=["depth", *_KEYS], validate="one_to_one"
    )


def _pack(study: Study, pack: Path) -> pd.DataFrame:
    exact, evaluated = (layout.outputs(stage, pack) for stage in ("exact", "evaluate"))
    by_image = read_pack(study, exact["per_image"], EXACT_IMAGES)
    estimates = read_pack(study, evaluated["per_image"], IMAGES)
    if not estimates[_KEYS].equals(by_image[_KEYS]):
        raise UserError(
            f"{evaluated['per_image']}: found {len(estimates)} estimates, expected those of the "
            f"{len(by_image)} pairs of a seed and a test image in {exact['per_image']}; {REDO}"
        )
    return compare(read_pack(study, exact["exact"], PACK_EXACT), by_image, estimates)


def compare(by_seed: pd.DataFrame, by_image: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """Return a row per seed: exact and estimated NLL, apart in nats and in Monte-Carlo errors.

    The numbers of a failed seed are empty.
    """
    rows = by_image.merge(estimates, on=_KEYS, validate="one_to_one")
    rows["square"] = rows["mcse"] ** 2
    rows["away"] = (rows["log_p"] - rows["exact_log_p"]).abs() / rows["mcse"]
    seeds = rows.groupby("seed")
    frame = by_seed.set_index("seed")
    frame["nll"] = -seeds["log_p"].mean()
    frame["nll_mcse"] = seeds["square"].sum(min_count=1) ** 0.5 / seeds.size()
    frame["difference"] = frame["nll"] - frame["exact_nll"]
    frame["difference_in_mcse"] = frame["difference"] / frame["nll_mcse"]
    frame["worst_image_in_mcse"] = seeds["away"].max()
    done = np.isfinite(frame["exact_nll"]) & np.isfinite(frame["nll"])
    return frame.where(done).reset_index()
