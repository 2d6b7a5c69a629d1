"""Registered tables -> files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from flowdepth.analysis.results import StudyResults, called
from flowdepth.report import registry, tables
from flowdepth.report.registry import Table
from flowdepth.report.typesetting import write_table


def set_table(table: Table, results: StudyResults) -> pd.DataFrame:
    """Return the table of these results as text."""
    frame: pd.DataFrame = called(getattr(tables, table.name), results)
    return frame


def write_tables(stage: str, results: StudyResults) -> Iterator[Path]:
    """Set the tables of a stage as CSV, Markdown and LaTeX; yield their files."""
    folder = results.folder / "tables"
    for table in registry.tables(results.study, stage):
        yield from write_table(set_table(table, results), folder, table.name)
        print(f"wrote {folder / table.name}")
