"""What a result was made with: code, packages, machine, data and time."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from flowdepth.config import Study

PACKAGES = ("flowdepth", "torch", "numpy", "pandas", "scipy", "snakemake")
SOURCE = Path(__file__).parent


def provenance(study: Study, metrics: pd.DataFrame, dataset: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of ``provenance.json``; seconds are totals over depths and seeds."""
    train = float(metrics["train_seconds"].sum())
    evaluate = float(metrics["evaluate_seconds"].sum())
    return {
        "study": study.name,
        "git": git(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": sorted(metrics["device"].dropna().unique()),
        "seconds": {"train": round(train, 1), "evaluate": round(evaluate, 1)},
        "data": dataset,
        "settings": study.model_dump(mode="json"),
    }


def git(folder: Path = SOURCE) -> dict[str, Any] | None:
    """Return commit, its date, and whether tracked files outside results/ differ from it.

    None where ``folder``, by default that of this code, is in no repository or git is not there.
    """
    outside_results = ("--untracked-files=no", "--", ":(top)", ":(top,exclude)results")
    try:
        commit, date = _git(folder, "log", "-1", "--format=%H %cI").split()
        changes = _git(folder, "status", "--porcelain", *outside_results)
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "date": date, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
