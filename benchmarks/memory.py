"""Peak memory of each contender, a process for each kind of work -> results/memory.csv."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.harness import Amount, peak_memory, process
from benchmarks.peers import tasks
from benchmarks.results import command

DEPTHS = (0, 80)


def measure(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield a row per contender, flow, depth and work; MiB before the work and at its peak."""
    for task in tasks(DEPTHS[: 1 if quick else None]):
        with process() as worker:
            before, peak = worker.submit(peak_memory, task, Amount(updates=5, images=8)).result()
        yield {**task._asdict(), "before": before, "peak": peak}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the peaks in MiB, and in brackets what the work added to libraries and model."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows.itertuples():
        key = ("amortised" if row.amortised else "shared", row.contender)
        cell = f"{row.peak:.0f} (+{row.peak - row.before:.0f})"
        lines.setdefault(key, {})[f"{row.work}, K = {row.depth}"] = cell
    table = [{"flow": flow, "contender": name, **cells} for (flow, name), cells in lines.items()]
    return pd.DataFrame(table)


if __name__ == "__main__":
    command("memory", __doc__, measure, summary)
