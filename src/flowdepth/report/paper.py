"""The study's tables -> paper/: main table, numbers and figures for a two-column paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jinja2
from markupsafe import Markup

from flowdepth.analysis.results import StudyResults
from flowdepth.base.files import write_text
from flowdepth.report import registry, style
from flowdepth.report.answer import answer, findings, is_certified, may_be_best, remarks, warning
from flowdepth.report.drawing import write
from flowdepth.report.numbers import macros, numbers
from flowdepth.report.tables import nll_by_depth
from flowdepth.report.typesetting import escape_latex, latex
from flowdepth.study import layout


def paper(results: StudyResults) -> dict[str, str]:
    """Return the text of the paper, of its main table and of its numbers, in LaTeX."""
    study, summary, compared = results.study, results.summary, results.compared
    best = [str(depth) for depth in may_be_best(results.metrics, summary)]
    found = numbers(results)
    text = _template().render(
        study=study,
        answer=answer(summary, compared),
        remarks=[*findings(summary, compared), *remarks(summary, compared)],
        warning=warning(summary),
        is_certified=is_certified(summary),
        best=best,
        numbers=found,
        figures={one.name: registry.caption(one, study) for one in registry.paper_figures(study)},
    )
    table = latex(nll_by_depth(summary), best)
    return {"tex": text, "table": table, "numbers": macros(found, warning(summary))}


def _template() -> jinja2.Template:
    """Return the paper's template, in which braces are LaTeX's and every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("flowdepth.report"),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 (`finalize` escapes)
        finalize=lambda value: value if isinstance(value, Markup) else escape_latex(str(value)),
    )
    return environment.get_template("paper.tex")


def write_paper(results: StudyResults) -> Iterator[Path]:
    """Write table and figures in the sizes of a two-column paper; yield their files."""
    figures = registry.paper_figures(results.study)
    files = layout.paper(results.folder, [figure.name for figure in figures])
    with style.visual_language(paper=True):
        for figure in figures:
            yield from write(figure, results, files["tex"].parent, ["pdf"])
    for name, text in paper(results).items():
        write_text(files[name], text)
        yield files[name]
