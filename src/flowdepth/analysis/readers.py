"""Read what training and evaluation wrote, one folder ``K<depth>/seeds<pack>`` a job.

Every reader checks what it reads; a file that is missing, damaged or of another study is the
user's to mend and raises :class:`~flowdepth.base.errors.UserError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study
from flowdepth.study import provenance

# What training and evaluation leave to be summarised and drawn.
PACK_FILES = (
    *("history.csv", "metrics.csv", "images.parquet", "convergence.csv"),
    "examples.safetensors",
)
REDO = "delete the file and run snakemake again"
HISTORY = ("seed", "epoch", "updates", "train", "validation", "beta")
# What one sample, one image or a few weights cannot tell is empty in a finished seed, too.
UNKNOWABLE = ("nll_mcse", "nll_image_se", "k_hat_share")
ESTIMATES = (
    *("elbo", "nll", "nll_mcse", "nll_image_se", "kl", "reconstruction"),
    *("ess", "k_hat_share", "active_units"),
)
COUNTS = ("parameters", "epochs", "best_epoch")
PACK_METRICS = ("seed", "status", "message", *ESTIMATES, *COUNTS)
IMAGES = ("seed", "image", "log_p", "mcse", "ess", "k_hat")
PACK_CONVERGENCE = ("seed", "samples", "nll", "nll_mcse")
EXACT = (
    *("seed", "exact_nll", "exact_error", "nll", "nll_mcse"),
    *("difference", "difference_in_mcse", "worst_image_in_mcse"),
)

# The study's own tables: metrics.csv has a row per depth and seed, summary.csv a row per depth,
# comparisons.csv a row per pair of depths.
METRICS = ("study", "dataset", "depth", "seed", "status", *ESTIMATES, "parameters", "epochs")
INTERVALS = ("nll", "neg_elbo", "nll_difference")
MEANS = ("ess", "k_hat_share", "active_units", "kl", "reconstruction")
SUMMARY = (
    *("depth", "seeds", "failed"),
    *(f"{name}_{part}" for name in INTERVALS for part in ("mean", "se", "low", "high")),
    *("nll_image_se", "nll_mcse", *(f"{name}_mean" for name in MEANS), "parameters"),
)
# convergence.csv has a row per depth and number of samples.
CONVERGENCE = ("depth", "samples", "seeds", "nll_mean", "nll_mcse")

_NO_TABLE = (
    *(pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError),
    pa.ArrowInvalid,
)


@dataclass(frozen=True)
class Examples:
    """Images for the eye; intensities in [0, 1].

    ``originals`` [n, height, width]; ``reconstructions`` and ``samples`` [R, n, height, width],
    one block for each of the R ``seeds``.
    """

    seeds: tuple[int, ...]
    originals: NDArray[np.float32]
    reconstructions: NDArray[np.float32]
    samples: NDArray[np.float32]


def depth_of(pack: Path) -> int:
    """Return the depth in the name of the folder ``K<depth>`` that holds ``pack``.

    Raises
    ------
    UserError
        If the folder has another name.
    """
    found = re.fullmatch(r"K(\d+)", pack.parent.name)
    if found is None:
        raise UserError(
            f"{pack}: the folder above it is called {pack.parent.name!r}, expected K<depth> "
            "such as K4; give folders results/<study>/K<depth>/seeds<pack>"
        )
    return int(found[1])


def read_table(path: Path, columns: Sequence[str], text: bool = False) -> pd.DataFrame:
    """Return the CSV or Parquet file with at least ``columns``.

    With ``text``, every cell of a CSV file is as it is written.

    Raises
    ------
    UserError
        If the file is missing, is no table, or lacks a column.
    """
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(path, dtype=str if text else None, keep_default_na=not text)
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run snakemake to make it") from None
    except _NO_TABLE as error:
        raise UserError(f"{path}: not a {path.suffix[1:]} table ({error}); {REDO}") from None
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise UserError(
            f"{path}: column {', '.join(absent)} missing, found {', '.join(frame.columns)}; {REDO}"
        )
    return frame


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``.

    Raises
    ------
    UserError
        If the file is missing or holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run snakemake to make it") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); {REDO}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: found {type(content).__name__}, expected an object; {REDO}")
    return content


def read_study_table(path: Path, columns: Sequence[str], study: Study) -> pd.DataFrame:
    """Return ``metrics.csv`` or ``summary.csv`` of the study.

    Raises
    ------
    UserError
        If the file is missing, lacks a column, or is about other depths than the study's.
    """
    frame = read_table(path, columns)
    found = sorted(set(frame["depth"].tolist()))
    if found != sorted(study.depths):
        raise UserError(
            f"{path}: found depths {found}, expected {sorted(study.depths)} of study {study.name}; "
            "run snakemake again"
        )
    return frame


def read_packs(study: Study, packs: Sequence[Path]) -> pd.DataFrame:
    """Return a row per depth and seed, sorted so: the packs' metrics.

    Raises
    ------
    UserError
        If the packs do not hold each depth and seed of the study exactly once, or a file is wrong.
    """
    frame = pd.concat([_pack_metrics(study, pack) for pack in packs], ignore_index=True)
    _check_grid(study, frame)
    return frame.sort_values(["depth", "seed"], ignore_index=True).drop(columns="file")


def read_rows(packs: Sequence[Path], name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of every pack's file ``name`` with their ``depth``, sorted by it and seed.

    Raises
    ------
    UserError
        If a file is missing or lacks a column.
    """
    frames = [read_table(pack / name, columns).assign(depth=depth_of(pack)) for pack in packs]
    # A column without a row has no type of number to give to the others.
    whole = pd.concat([f for f in frames if len(f)] or frames, ignore_index=True)
    return whole.sort_values(["depth", "seed"], kind="stable", ignore_index=True)


def read_images(packs: Sequence[Path], metrics: pd.DataFrame) -> pd.DataFrame:
    """Return a row per depth, seed and test image of the finished trainings in ``metrics``.

    Raises
    ------
    UserError
        If a file is missing or damaged, or the trainings do not share their test images.
    """
    frame = read_rows(packs, "images.parquet", IMAGES)
    done = metrics.loc[metrics["status"] == "done", ["depth", "seed"]]
    frame = done.merge(frame, on=["depth", "seed"], how="left")
    counts = frame.groupby(["depth", "seed"])["log_p"].count()
    wrong = counts[counts != counts.max()]
    if len(wrong):
        depth, seed = wrong.index[0]
        raise UserError(
            f"K = {depth}, seed {seed}: {wrong.iloc[0]} test images in images.parquet, "
            f"expected {counts.max()} as in other trainings; {REDO}"
        )
    return frame


def read_costs(packs: Sequence[Path]) -> pd.DataFrame:
    """Return a row per pack: its depth, what one seed of it cost, peak memory and devices.

    Seconds are shared equally among the seeds, memory is of the whole pack.

    Raises
    ------
    UserError
        If a provenance is missing or damaged.
    """
    return pd.DataFrame([_cost(pack) for pack in packs]).sort_values("depth", ignore_index=True)


def _cost(pack: Path) -> dict[str, Any]:
    jobs = {
        stage: provenance.read(pack / f"{stage}{provenance.SUFFIX}")
        for stage in ("train", "evaluate")
    }
    devices = [job.get("device_name", job["device"]) for job in jobs.values()]
    return {
        "depth": jobs["train"]["depth"],
        **{f"{stage}_seconds": job["seconds"] / len(job["seeds"]) for stage, job in jobs.items()},
        "peak_memory_mb": max(job["peak_memory_mb"] for job in jobs.values()),
        "device": " + ".join(dict.fromkeys(devices)),
    }


def read_examples(pack: Path, count: int) -> Examples:
    """Return the first ``count`` example images of a pack, or as many as there are.

    Raises
    ------
    UserError
        If the file is missing, damaged, or its shapes disagree with its own metadata.
    """
    path = pack / "examples.safetensors"
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})["examples"])
            seeds = tuple(facts["seeds"])
            shape = facts["height"], facts["width"]
            images = {
                name: (array := file.get_tensor(name)[..., :count, :]).reshape(
                    *array.shape[:-1], *shape
                )
                for name in ("originals", "reconstructions", "samples")
            }
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run snakemake to make it") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path}: damaged or of another kind ({error}); {REDO}") from None
    return Examples(seeds, **images)


def _pack_metrics(study: Study, pack: Path) -> pd.DataFrame:
    path = pack / "metrics.csv"
    normal = study.model.likelihood == "normal"
    estimates = (*ESTIMATES, *(("bits_per_dim",) if normal else ()))
    frame = read_table(path, (*PACK_METRICS, *estimates[len(ESTIMATES) :]))
    _check_status(path, frame)
    frame = frame.assign(message=frame["message"].astype(object).fillna(""))
    for name in estimates:
        frame[name] = _numbers(path, frame, name, unknowable=name in UNKNOWABLE)
    for name in COUNTS:
        frame[name] = _numbers(path, frame, name).astype("Int64")
    return frame.assign(depth=depth_of(pack), file=str(path))


def _check_status(path: Path, frame: pd.DataFrame) -> None:
    unknown = sorted(set(frame["status"].map(str)) - {"done", "failed"})
    if unknown:
        raise UserError(f"{path}: status {unknown[0]!r}, expected done or failed; {REDO}")


def _numbers(path: Path, frame: pd.DataFrame, name: str, unknowable: bool = False) -> pd.Series:
    """Return a column as numbers; those of finished seeds must be finite, or may be empty."""
    numbers = pd.to_numeric(frame[name], errors="coerce").astype(float)
    allowed = np.isfinite(numbers) | (unknowable & frame[name].isna())
    wrong = (frame["status"] == "done") & ~allowed
    if wrong.any():
        row = frame[wrong].iloc[0]
        raise UserError(
            f"{path}: seed {row['seed']} is done but its {name} is {row[name]!s}, "
            f"expected a finite number; {REDO}"
        )
    return numbers


def _check_grid(study: Study, frame: pd.DataFrame) -> None:
    found = list(zip(frame["depth"].tolist(), frame["seed"].tolist(), strict=True))
    expected = {(depth, seed) for depth in study.depths for seed in study.seeds}
    for depth, seed in sorted(expected - set(found)):
        files = sorted(frame.loc[frame["depth"] == depth, "file"]) or ["no pack"]
        raise UserError(
            f"K = {depth}, seed {seed}: no results (looked in {', '.join(dict.fromkeys(files))}); "
            f"the study has seeds {list(study.seeds)} at depths {list(study.depths)}: "
            "run snakemake again"
        )
    for (depth, seed), file in zip(found, frame["file"], strict=True):
        if (depth, seed) not in expected or found.count((depth, seed)) > 1:
            fault = "twice" if (depth, seed) in expected else "but is not in the study"
            raise UserError(
                f"{file}: K = {depth}, seed {seed} is there {fault}; "
                f"expected seeds {list(study.seeds)} at depths {list(study.depths)} once each"
            )
