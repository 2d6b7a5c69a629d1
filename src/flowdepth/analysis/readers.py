"""Read what training and evaluation wrote, one folder ``K<depth>/seeds<pack>`` a job.

Every reader checks what it reads; a file that is missing, damaged or of another study is the
user's to mend and raises :class:`~flowdepth.base.errors.UserError`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from flowdepth.analysis.columns import COUNTS, ESTIMATES, IMAGES, PACK_METRICS, Metric
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study, seeds_of
from flowdepth.study import layout, provenance
from flowdepth.study.layout import depth_of

REDO = "delete the file and run snakemake again"

_NO_TABLE = (
    *(pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError),
    *(pa.ArrowInvalid, OSError),
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
    except (OSError, ValueError, RecursionError) as error:
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


def read_rows(
    study: Study, packs: Sequence[Path], name: str, columns: Sequence[str]
) -> pd.DataFrame:
    """Return the rows of every pack's file ``name`` with their ``depth``, sorted by it and seed.

    A pack may hold more seeds than the study's: they are left out.

    Raises
    ------
    UserError
        If a file is missing or lacks a column.
    """
    frames = [read_pack(study, pack / name, columns) for pack in packs]
    # A column without a row has no type of number to give to the others.
    filled = [frame for frame in frames if len(frame)]
    whole = pd.concat(filled or [frame.astype(float) for frame in frames], ignore_index=True)
    return whole.sort_values(["depth", "seed"], kind="stable", ignore_index=True)


def refuse_repeats(name: str, frame: pd.DataFrame, keys: Sequence[str]) -> None:
    """Refuse rows of the packs' files ``name`` that agree in all ``keys``.

    Raises
    ------
    UserError
        If there are such.
    """
    repeated = frame[frame.duplicated([*keys])]
    if len(repeated):
        found = ", ".join(f"{key} {repeated[key].iloc[0]}" for key in keys)
        raise UserError(f"{name}: found {found} twice, expected each once; run snakemake again")


def read_pack(study: Study, path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the study's seeds in a pack's file, with their ``depth``.

    Raises
    ------
    UserError
        If the file is missing, lacks a column, or holds other seeds than its folder is named for.
    """
    frame = read_table(path, columns)
    own = seeds_of(path.parent.name.removeprefix("seeds"))
    if strange := set(frame["seed"]) - {*own}:
        raise UserError(f"{path}: found seeds {sorted(strange)}, expected seeds {[*own]}; {REDO}")
    return frame[frame["seed"].isin(study.seeds)].assign(depth=depth_of(path.parent))


def read_images(study: Study, packs: Sequence[Path], metrics: pd.DataFrame) -> pd.DataFrame:
    """Return a row per depth, seed and test image of the finished trainings in ``metrics``.

    Raises
    ------
    UserError
        If a file is missing or damaged, or the trainings do not share their test images.
    """
    frame = read_rows(study, packs, "images.parquet", IMAGES)
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
    """Return a row per pack: its depth and seeds, seconds, peak memory and devices.

    Seconds are those of the whole pack, as is memory; ``seeds`` is their number.

    Raises
    ------
    UserError
        If a provenance is missing or damaged.
    """
    return pd.DataFrame([_cost(pack) for pack in packs]).sort_values("depth", ignore_index=True)


def _cost(pack: Path) -> dict[str, Any]:
    jobs = {
        stage: provenance.read(layout.provenance(stage, pack)) for stage in ("train", "evaluate")
    }
    devices = [job.get("device_name", job["device"]) for job in jobs.values()]
    return {
        "depth": jobs["train"]["depth"],
        "seeds": len(jobs["train"]["seeds"]),
        **{f"{stage}_seconds": job["seconds"] for stage, job in jobs.items()},
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
    path = layout.outputs("evaluate", pack)["examples"]
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
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: damaged or of another kind ({error}); {REDO}") from None
    return Examples(seeds, **images)


def _pack_metrics(study: Study, pack: Path) -> pd.DataFrame:
    path = layout.outputs("evaluate", pack)["metrics"]
    bits = (Metric("bits_per_dim"),) if study.model.likelihood == "normal" else ()
    frame = read_pack(study, path, (*PACK_METRICS, *(metric.name for metric in bits)))
    _check_status(path, frame)
    frame = frame.assign(message=frame["message"].astype(object).fillna(""))
    for metric in (*ESTIMATES, *bits):
        frame[metric.name] = _numbers(path, frame, metric.name, metric.may_be_empty)
    for name in COUNTS:
        frame[name] = _numbers(path, frame, name).astype("Int64")
    return frame.assign(file=str(path))


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


def first_seeds(metrics: pd.DataFrame) -> dict[int, int]:
    """Return each depth's first finished seed, of those that have one."""
    done = metrics[metrics["status"] == "done"]
    return {int(str(k)): int(seed) for k, seed in done.groupby("depth")["seed"].min().items()}


def first_examples(packs: Sequence[Path], metrics: pd.DataFrame, count: int) -> dict[int, Examples]:
    """Return by depth ``count`` examples of the pack with the depth's first finished seed."""
    first = first_seeds(metrics)
    found: dict[int, Examples] = {}
    for pack in packs:
        depth = depth_of(pack)
        if depth in first and depth not in found:
            examples = read_examples(pack, count)
            if first[depth] in examples.seeds:
                found[depth] = examples
    return dict(sorted(found.items()))
