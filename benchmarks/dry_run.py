"""How long Snakemake plans large studies, one seed a job -> results/dry_run.csv."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.results import command
from benchmarks.study import copy_of_the_study, snakemake

# Depths and seeds: 1 000 and 10 000 cells.
GRIDS = ((10, 100), (100, 100))


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row a grid."""
    with tempfile.TemporaryDirectory() as name:
        copy_of_the_study(Path(name))
        for depths, seeds in ((2, 5),) if quick else GRIDS:
            grid = (f"depths={[*range(depths)]}", f"seeds={[*range(seeds)]}", "seeds_per_job=1")
            taken = snakemake(Path(name), "--dry-run", "--quiet", "--config", *grid)
            yield {"depths": depths, "seeds": seeds, "seconds": taken}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds by number of cells."""
    cells = (rows["depths"] * rows["seeds"]).map("{:,}".format)
    return pd.DataFrame({"cells": cells, "seconds": rows["seconds"].map("{:.1f}".format)})


if __name__ == "__main__":
    command("dry_run", __doc__, measure, summary)
