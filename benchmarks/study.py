"""A whole study's wall clock beside the time inside training and sampling -> results/study.csv.

The default study runs in a fresh copy, on one core so that seconds add up. Each job's own seconds
come from its provenance; the seconds inside the function that trains, samples or optimises are
noted by ``timing/sitecustomize.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.clock import seconds
from benchmarks.results import command

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "studies")


def copy_of_the_study(folder: Path) -> None:
    """Copy what the workflow reads, without results."""
    for part in PARTS:
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)


def snakemake(folder: Path, *words: str, **environment: str) -> float:
    """Run snakemake in ``folder``; return its seconds."""
    line = [sys.executable, "-m", "snakemake", *words]
    path = {"cwd": folder, "env": os.environ | environment, "stdout": subprocess.DEVNULL}
    return seconds(lambda: subprocess.run(line, check=True, **path))


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield the wall clock, then a row a kind of stage."""
    study = "studies/quick.yaml" if quick else "config.yaml"
    with tempfile.TemporaryDirectory() as name:
        folder, notes = Path(name, "study"), Path(name, "notes")
        folder.mkdir()
        notes.mkdir()
        copy_of_the_study(folder)
        timing = {"PYTHONPATH": str(Path(__file__).parent / "timing")}
        words = ("--configfile", study, "--cores", "1")
        wall = snakemake(folder, *words, **timing, FLOWDEPTH_TIMES=str(notes))
        yield {"stage": "whole study", "seconds": wall}
        yield from _stages(folder, notes)


def _stages(folder: Path, notes: Path) -> Iterator[dict[str, Any]]:
    costs, inside = defaultdict(list), defaultdict(list)
    for stage, seconds_taken in recorded(folder, "K*/*"):
        costs[stage].append(seconds_taken)
    for path in notes.iterdir():
        inside[path.name.split("-")[0]].append(float(path.read_text()))
    for stage, taken in costs.items():
        row = {"stage": stage, "jobs": len(taken), "seconds": sum(taken)}
        yield row | {"inside": sum(inside[stage])}


def recorded(folder: Path, where: str) -> Iterator[tuple[str, float]]:
    """Yield stage and seconds of the jobs that left their provenance ``where`` in a study."""
    for path in folder.glob(f"results/*/{where}/*.provenance.json"):
        facts = json.loads(path.read_text())
        yield path.name.removesuffix(".provenance.json"), facts["seconds"]


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return seconds in the stages, inside their work, and what is left of the wall clock."""
    wall, stages = rows["seconds"].iloc[0], rows.iloc[1:]
    lines = [
        (f"{row.stage}, {row.jobs:.0f} jobs", f"{row.seconds:.1f}", f"{row.inside:.1f}")
        for row in stages.itertuples()
    ]
    lines.append(("sum", f"{stages['seconds'].sum():.1f}", f"{stages['inside'].sum():.1f}"))
    lines.append(("whole study", f"{wall:.1f}", ""))
    share = [f"{1 - stages[part].sum() / wall:.0%}" for part in ("seconds", "inside")]
    lines.append(("share of the wall clock outside", *share))
    return pd.DataFrame(lines, columns=["", "seconds in the stage", "seconds inside its work"])


if __name__ == "__main__":
    command("study", __doc__, measure, summary)
