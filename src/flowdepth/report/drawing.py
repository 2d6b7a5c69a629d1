"""Registered figures and tables -> files.

The function of a figure or table is called with those attributes of the results that its
parameters name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import pandas as pd
from matplotlib.figure import Figure as Drawing

from flowdepth.analysis.results import StudyResults
from flowdepth.report import registry, style, tables
from flowdepth.report.registry import Figure, Table
from flowdepth.report.typesetting import write_table

T = TypeVar("T")


def draw(figure: Figure, results: StudyResults) -> Drawing:
    """Return the figure of these results."""
    module = import_module(f"flowdepth.report.figures.{figure.module}")
    return _called(getattr(module, figure.name), results)


def set_table(table: Table, results: StudyResults) -> pd.DataFrame:
    """Return the table of these results as text."""
    return _called(getattr(tables, table.name), results)


def _called(function: Callable[..., T], results: StudyResults) -> T:
    wanted = inspect.signature(function).parameters
    return function(**{name: getattr(results, name) for name in wanted})


def write_figures(stage: str, results: StudyResults) -> Iterator[Path]:
    """Draw the figures of a stage as SVG, PDF and PNG; yield their files."""
    folder = results.folder / "figures"
    with style.visual_language():
        for figure in registry.figures(results.study, stage):
            yield from style.save(draw(figure, results), folder, figure.name)
            print(f"wrote {folder / figure.name} as {', '.join(style.FORMATS)}", flush=True)


def write_tables(stage: str, results: StudyResults) -> Iterator[Path]:
    """Set the tables of a stage as CSV, Markdown and LaTeX; yield their files."""
    folder = results.folder / "tables"
    for table in registry.tables(results.study, stage):
        yield from write_table(set_table(table, results), folder, table.name)
        print(f"wrote {folder / table.name}")
