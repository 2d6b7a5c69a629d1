"""The study's tables -> paper/: main table and figures as a two-column paper sets them."""

from __future__ import annotations

import argparse
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from flowdepth.analysis.comparisons import COLUMNS
from flowdepth.analysis.readers import (
    CONVERGENCE,
    METRICS,
    SUMMARY,
    read_study_table,
    read_table,
)
from flowdepth.base.files import write_text
from flowdepth.report import captions, style
from flowdepth.report.answer import answer, may_be_best, remarks
from flowdepth.report.typesetting import escape_latex, latex
from flowdepth.settings.study import Study
from flowdepth.stages import figures
from flowdepth.stages.command import run
from flowdepth.stages.tables import nll_by_depth
from flowdepth.study.provenance import Job

FIGURES = ("nll_by_depth", "elbo_and_nll", "convergence", "weights")


def paper(
    study: Study, metrics: pd.DataFrame, summary: pd.DataFrame, compared: pd.DataFrame
) -> dict[str, str]:
    """Return the text of the LaTeX files by name."""
    best = [str(depth) for depth in may_be_best(metrics)]
    text = _template().render(
        study=study,
        answer=answer(summary, compared),
        remarks=remarks(summary, compared),
        best=best,
        figures={name: captions.CAPTIONS[name] for name in FIGURES},
    )
    return {"paper.tex": text, "main_table.tex": latex(nll_by_depth(summary), best)}


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


def main() -> None:
    """Write the folder of the paper."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the whole study as JSON")
    parser.add_argument("--packs", required=True, type=Path, nargs="+", help="folders of the jobs")
    for name in ("metrics", "summary", "comparisons", "convergence"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path, help="folder of the paper")
    parser.add_argument("--provenance", required=True, type=Path)
    args = parser.parse_args()
    study = Study.model_validate_json(args.settings)
    tables = [args.metrics, args.summary, args.comparisons, args.convergence]
    images = [pack / "images.parquet" for pack in args.packs]
    job = Job("paper", [*tables, *images], args.settings)
    metrics = read_study_table(args.metrics, METRICS, study)
    summary = read_study_table(args.summary, SUMMARY, study)
    convergence = read_table(args.convergence, CONVERGENCE)
    written = []
    with style.visual_language(paper=True):
        for name, figure in figures.of_likelihood(study, args.packs, metrics, summary, convergence):
            written += style.save(figure, args.output, name, ["pdf"])
    texts = paper(study, metrics, summary, read_table(args.comparisons, COLUMNS))
    for name, text in texts.items():
        write_text(args.output / name, text)
        written.append(args.output / name)
    job.write(args.provenance, written)
    print(f"wrote {args.output}")


if __name__ == "__main__":
    run(main)
