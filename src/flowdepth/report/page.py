"""The study's tables and figures -> report.html, one page by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from flowdepth.analysis.columns import CORRECTED
from flowdepth.analysis.comparisons import VANILLA
from flowdepth.analysis.results import StudyResults, called
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.report import pages, registry
from flowdepth.report.against import against_each, with_bars
from flowdepth.report.answer import (
    answer,
    excluded,
    findings,
    headline,
    is_certified,
    loose,
    remarks,
    warning,
)
from flowdepth.report.citation import bibtex
from flowdepth.report.endings import unfinished
from flowdepth.report.heading import about, commit
from flowdepth.report.inline import inline
from flowdepth.report.limits import limits
from flowdepth.report.marks import labels
from flowdepth.report.protocol import protocol
from flowdepth.report.registry import Figure, Table
from flowdepth.report.setting import set_table
from flowdepth.report.sheets import sheet
from flowdepth.report.shown import estimates, pictures, shown_images
from flowdepth.report.typesetting import minus
from flowdepth.settings.sections import flat
from flowdepth.settings.study import Study
from flowdepth.study import layout

SEED_COLUMNS = (
    *("depth", "seed", "status", "elbo", "nll", "nll_importance", "nll_mcse", "nll_correction_se"),
    *("best_epoch", "message"),
)


def page(results: StudyResults, facts: Mapping[str, Any]) -> str:
    """Return the report as HTML that needs no other file; ``facts`` are of ``provenance.json``.

    The settings decide on the optional sections: whatever an earlier run left in the folder, there
    is none that the study does not ask for.

    Raises
    ------
    UserError
        If a table or figure of the study is missing.
    """
    study, metrics = results.study, results.metrics
    own, defaults = protocol(study)
    sentence = answer(results.summary, results.compared)
    return pages.render(
        "report.html",
        study=study,
        sections=_sections(study),
        shown=[],
        placed=[],
        about=about(results, facts),
        headline=headline(results.summary, results.compared),
        answer=sentence,
        findings=findings(results.summary, results.compared),
        excluded=[*map(str, excluded(metrics, results.summary))],
        remarks=remarks(results.summary, results.compared),
        warning=warning(results.summary),
        is_certified=is_certified(results.summary),
        loose=loose(results.certificate),
        limit=K_HAT_LIMIT,
        limits=[*unfinished(results.history, metrics, results.summary), *limits(facts["data"])],
        figures=_figures(results, sentence),
        tables=_tables(results),
        against=against_each(metrics),
        **_pictures(results),
        seeds=_seed_rows(metrics),
        failures=metrics[metrics["status"] == "failed"].to_dict("records"),
        understood=facts["data"]["understood"],
        own=own,
        defaults=defaults,
        citation=bibtex(facts),
        mixed=facts["mixed"],
        commit=commit(facts),
        provenance=_pairs({k: v for k, v in facts.items() if k not in ("mixed", "settings")}),
    )


def _sections(study: Study) -> dict[str, str]:
    """Return the titles of the sections that have something to show, in the page's order."""
    shown: list[Figure | Table] = [*registry.figures(study), *registry.tables(study)]
    filled = {one.section for one in shown}
    optional = {
        "posteriors": "posteriors" in filled,
        "published": "published" in filled or bool(study.report.deviations),
    }
    return {name: title for name, title in registry.SECTIONS.items() if optional.get(name, True)}


def _figures(results: StudyResults, sentence: str) -> dict[str, dict[str, Any]]:
    wanted = registry.figures(results.study)
    figures = {
        one.name: pages.figure(results.folder, one)
        | {
            "caption": registry.caption(one, results.study),
            "sheet": sheet(one.name, results),
            "made": _command(results, one),
        }
        for one in wanted
    }
    figures["nll_by_depth"]["alternative"] += f" {sentence}"
    for number, (name, figure) in enumerate(figures.items(), 1):
        if figure["is_pixels"]:
            figure["drawing"] = pages.source(figure["svg"], "svg")
        else:
            told = labels(name, results)
            figure["svg"] = inline(figure["svg"], f"f{number}", figure["alternative"], told)
    return figures


def _command(results: StudyResults, figure: Figure) -> str:
    """Return the command that draws a figure."""
    if layout.is_reference(results.folder):
        return "snakemake rebuild"
    file = layout.figure(layout.RESULTS / results.study.name, figure.name)["svg"]
    return f"snakemake {file.as_posix()}"


def _pictures(results: StudyResults) -> dict[str, Any]:
    """Return what the page shows of images."""
    rows = called(shown_images, results)
    return {"pictures": called(pictures, results), "estimates": estimates(rows)}


def _tables(results: StudyResults) -> dict[str, dict[str, Any]]:
    return {
        table.name: {
            "section": table.section,
            "title": table.title,
            "caption": registry.caption(table, results.study),
            "rows": _rows(table, results),
        }
        for table in registry.tables(results.study)
    }


def _rows(table: Table, results: StudyResults) -> list[list[str]]:
    if table.stage == "report":
        return pages.rows(set_table(table, results))
    rows = pages.text_table(layout.table(results.folder, table.name)["csv"])
    if table.name != "comparisons":
        return rows
    return with_bars(rows, results.compared[results.compared["kind"] == VANILLA])


def _seed_rows(metrics: pd.DataFrame) -> list[list[str]]:
    names = [name for name in SEED_COLUMNS if name in metrics]
    if metrics["nll_correction_se"].isna().all():
        names = [name for name in names if name not in CORRECTED]
    shown = metrics[names].astype(object)
    return pages.rows(shown.map(_text))


def _text(value: str | float | None) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return minus(f"{value:.0f}" if value.is_integer() else f"{value:.4f}")
    return str(value)


def _pairs(node: dict[str, Any]) -> list[tuple[str, str]]:
    """Return nested facts as dotted paths and text."""
    return [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in flat(node)]
