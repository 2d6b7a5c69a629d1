"""How long Snakemake plans large studies, by seeds a job -> results/dry_run.csv.

A plan is a dry run under the SLURM profile: seconds of processor time and peak memory.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.results import command
from benchmarks.study import copy_of_the_study

# Depths and seeds: 1 000 and 10 000 cells.
GRIDS = ((10, 100), (100, 100))
PACKS = (1, 5, 20)


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row a grid and size of its packs."""
    with tempfile.TemporaryDirectory() as name:
        copy_of_the_study(Path(name))
        for depths, seeds in ((2, 5),) if quick else GRIDS:
            for pack in PACKS:
                taken = plan(Path(name), depths, seeds, pack)
                yield {"depths": depths, "seeds": seeds, "seeds_per_job": pack, **taken}


def plan(folder: Path, depths: int, seeds: int, pack: int) -> dict[str, Any]:
    """Return jobs, processor seconds and peak MiB of a dry run."""
    grid = (f"depths={[*range(depths)]}", f"seeds={[*range(seeds)]}", f"seeds_per_job={pack}")
    options = ("--profile", "profiles/slurm", "--dry-run", "--quiet", "rules", "--config")
    without = ("gaps={images: 0}", "certify={images: 0}")
    line = [sys.executable, "-m", "snakemake", *options, *grid, *without]
    with tempfile.TemporaryFile("w+") as told:
        started = subprocess.Popen(line, cwd=folder, stdout=told, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(started.pid, 0)
        told.seek(0)
        text = told.read()
    jobs = re.search(r"^total +(\d+)", text, re.MULTILINE)
    if status or jobs is None:
        sys.exit(text)
    memory = used.ru_maxrss / 1024
    return {"jobs": int(jobs[1]), "seconds": used.ru_utime + used.ru_stime, "mib": memory}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return jobs, processor seconds and memory by number of cells and size of packs."""
    cells = (rows["depths"] * rows["seeds"]).map("{:,}".format)
    return pd.DataFrame(
        {
            "cells": cells,
            "seeds a job": rows["seeds_per_job"],
            "jobs": rows["jobs"].map("{:,}".format),
            "seconds": rows["seconds"].map("{:.1f}".format),
            "MiB": rows["mib"].map("{:.0f}".format),
        }
    )


if __name__ == "__main__":
    command("dry_run", __doc__, measure, summary)
