"""Where measurements go, and what they were made with."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from flowdepth.base.environment import git, versions
from flowdepth.base.files import write_frame, write_text
from flowdepth.base.machine import processor
from flowdepth.report.typesetting import markdown

FOLDER = Path(__file__).parent / "results"
NAME_HELP = "of the files in benchmarks/results (default: %(default)s)"
_PACKAGES = ("flowdepth", "torch", "pythae", "normflows", "pyro-ppl", "numpy", "snakemake")


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows as ``<name>.csv`` and where they come from as ``<name>.json``."""
    write_frame(pd.DataFrame(rows), FOLDER / f"{name}.csv")
    write_text(FOLDER / f"{name}.json", json.dumps(provenance(), indent=2) + "\n")
    print(f"wrote {FOLDER / name}.csv")


def command(
    name: str,
    description: str | None,
    measure: Callable[[bool], Iterator[dict[str, Any]]],
    summary: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    """Run a measurement's command: measure, unless only the table is to be set again."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--name", default=name, help=NAME_HELP)
    parser.add_argument("--quick", action="store_true", help="to see it run; numbers mean nothing")
    parser.add_argument("--table", action="store_true", help="from the CSV that is there")
    args = parser.parse_args()
    if not args.table:
        write(args.name, list(measure(args.quick)))
    tabulate(args.name, summary)


def tabulate(name: str, summary: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Write ``<name>.md``, what ``summary`` makes of the rows that `write` wrote, and print it."""
    rows, facts = read(name)
    text = f"{markdown(summary(rows).fillna(''))}\n{footer(facts)}"
    write_text(FOLDER / f"{name}.md", text)
    print(text)


def read(name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows and the provenance that `write` wrote."""
    facts = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return pd.read_csv(FOLDER / f"{name}.csv"), facts


def spread(median: float, least: float, most: float) -> str:
    """Return the median and the extremes with about three digits: ``12 300 (11 900–12 700)``."""
    places = max(0, 2 - math.floor(math.log10(median))) if median < 100 else 0
    middle, low, high = (_rounded(value, places) for value in (median, least, most))
    return f"{middle} ({low}–{high})"


def _rounded(value: float, places: int) -> str:
    unit = 10 ** max(0, math.floor(math.log10(value)) - 2)
    return f"{round(value / unit) * unit if unit > 1 else value:,.{places}f}".replace(",", " ")


def footer(facts: dict[str, Any]) -> str:
    """Return the provenance in one line."""
    packages = ", ".join(f"{name} {value}" for name, value in facts["packages"].items() if value)
    machine = f"{facts['processor']}, {facts['cores']} cores, {facts['platform']}"
    commit = (facts["git"] or {}).get("commit", "no repository")[:12]
    return f"{facts['date']}; {machine}; Python {facts['python']}; {packages}; commit {commit}\n"


def provenance() -> dict[str, Any]:
    """Return processor, cores, versions, commit and date."""
    packages = versions(*_PACKAGES)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": packages.pop("python"),
        "git": git(),
        "packages": packages,
    }
