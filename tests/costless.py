"""What two runs of a study have in common to the byte: all but their seconds and memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from checkout import Checkout

# What a run costs stands in these, or in columns of tables.
COSTS = re.compile(r"cost\.json|provenance\.json|report\.html|nll_by_depth\.(csv|md|tex)|\.log$")
COST_COLUMNS = "second|memory"


def files(study: Checkout) -> Iterator[Path]:
    """Return all files of a study's results that do not depend on its cost, hidden ones too."""
    found = sorted((study.folder / "results").rglob("*"))
    return (path for path in found if path.is_file() and not COSTS.search(path.name))


def contents(study: Checkout) -> dict[Path, bytes | str]:
    """Return what stands in each of these files, without columns of costs."""
    return {path.relative_to(study.folder): _content(path) for path in files(study)}


def _content(path: Path) -> bytes | str:
    if path.suffix != ".csv":
        return path.read_bytes()
    frame = pd.read_csv(path, dtype=str)
    return frame.loc[:, ~frame.columns.str.contains(COST_COLUMNS)].to_csv()
