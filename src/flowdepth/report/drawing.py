"""Registered figures -> files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from flowdepth.analysis.results import StudyResults, called
from flowdepth.report import registry, style
from flowdepth.report.registry import Figure


def draw(figure: Figure, results: StudyResults) -> Drawing:
    """Return the figure of these results."""
    module = import_module(f"flowdepth.report.figures.{figure.module}")
    drawing: Drawing = called(getattr(module, figure.name), results)
    return drawing


def write_figures(stage: str, results: StudyResults) -> Iterator[Path]:
    """Draw the figures of a stage as SVG, PDF and PNG; yield their files."""
    folder = results.folder / "figures"
    with style.visual_language():
        for figure in registry.figures(results.study, stage):
            yield from style.save(draw(figure, results), folder, figure.name)
            print(f"wrote {folder / figure.name} as {', '.join(style.FORMATS)}", flush=True)
