"""Registered figures -> files."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from flowdepth.analysis.results import StudyResults, called
from flowdepth.base.errors import UserError
from flowdepth.report import registry, style
from flowdepth.report.registry import Figure


def draw(figure: Figure, results: StudyResults) -> Drawing:
    """Return the figure of these results."""
    module = import_module(f"flowdepth.report.figures.{figure.module}")
    drawing: Drawing = called(getattr(module, figure.name), results)
    return drawing


def write(
    figure: Figure, results: StudyResults, folder: Path, formats: Sequence[str] = style.FORMATS
) -> list[Path]:
    """Draw a figure into its files; where it cannot be drawn, these say so and why.

    No figure is worth the page: the numbers are there.
    """
    try:
        return style.save(draw(figure, results), folder, figure.name, formats)
    except UserError:
        raise
    except Exception as fault:
        traceback.print_exc()
        said = f"This figure could not be drawn ({type(fault).__name__}: {fault})"
        print(f"warning: {figure.name}: {said}", flush=True)
        return style.save(style.notice(said), folder, figure.name, formats, title=said)


def write_figures(
    stage: str,
    results: StudyResults,
    forms: Callable[[Figure], Sequence[str]] = lambda figure: style.FORMATS,
) -> Iterator[Path]:
    """Draw the figures of a stage, each in its ``forms``; yield their files."""
    folder = results.folder / "figures"
    with style.visual_language():
        for figure in registry.figures(results.study, stage):
            yield from write(figure, results, folder, forms(figure))
            print(f"wrote {folder / figure.name} as {', '.join(forms(figure))}", flush=True)
