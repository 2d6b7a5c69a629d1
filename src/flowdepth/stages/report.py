"""The study's tables and figures -> report.html, one page by itself, and provenance.json."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flowdepth.analysis.comparisons import COLUMNS
from flowdepth.analysis.readers import (
    EXACT,
    METRICS,
    SUMMARY,
    read_costs,
    read_json,
    read_rows,
    read_study_table,
    read_table,
)
from flowdepth.base.files import write_text
from flowdepth.estimation.pareto import K_HAT_LIMIT
from flowdepth.report import captions, pages
from flowdepth.report.answer import answer, may_be_best, remarks, warning
from flowdepth.report.citation import bibtex
from flowdepth.report.limits import limits
from flowdepth.settings.sections import flat
from flowdepth.settings.study import Study
from flowdepth.stages.command import run
from flowdepth.stages.tables import costs, exact, published
from flowdepth.study import alike, provenance

# In the page's order: the templates in templates/sections, and what their readers see.
SECTIONS = {
    "numbers": "Numbers",
    "reading": "How to read them",
    "trust": "Can the numbers be trusted?",
    "gap": "Why depth helps",
    "posteriors": "Posteriors",
    "images": "Reconstructions and samples",
    "cost": "What a nat costs",
    "protocol": "Protocol",
    "published": "Published numbers",
    "limits": "Limits of this study",
    "provenance": "Provenance",
    "citation": "How to cite",
}
STAGES = ("data/prepare", "summarise", "figures", "tables")
SEED_COLUMNS = ("depth", "seed", "status", "elbo", "nll", "nll_mcse", "best_epoch", "message")


def page(study: Study, results: Path, packs: Sequence[Path], facts: dict[str, Any]) -> str:
    """Return the report as HTML that needs no other file.

    The settings decide on the optional sections: whatever an earlier run left in the folder, there
    is none that the study does not ask for.

    Raises
    ------
    UserError
        If a table or figure of the study is missing.
    """
    summary = read_study_table(results / "summary.csv", SUMMARY, study)
    metrics = read_study_table(results / "metrics.csv", METRICS, study)
    compared = read_table(results / "comparisons.csv", COLUMNS)
    sentence = answer(summary, compared)
    figures = _figures(study, results / "figures", sentence)
    names = ("nll_by_depth", "errors", "comparisons")
    return pages.render(
        "report.html",
        study=study,
        sections=_sections(study, figures),
        answer=sentence,
        best=[str(depth) for depth in may_be_best(metrics)],
        remarks=remarks(summary, compared),
        warning=warning(summary),
        limit=K_HAT_LIMIT,
        limits=limits(facts["data"]),
        figures=figures,
        tables={name: pages.text_table(results / "tables" / f"{name}.csv") for name in names},
        exact=_exact(packs) if study.evaluate.exact else None,
        gaps=_gaps(study, results / "tables" / "inference_gap.csv"),
        seeds=_seed_rows(metrics),
        costs=pages.rows(costs(read_costs(packs), summary, compared)),
        failures=metrics[metrics["status"] == "failed"].to_dict("records"),
        protocol=_pairs(facts["settings"]),
        published=pages.rows(published(study.report.published, summary)),
        citation=bibtex(facts),
        mixed=facts["mixed"],
        provenance=_pairs({k: v for k, v in facts.items() if k not in ("mixed", "settings")}),
    )


def _sections(study: Study, figures: Collection[str]) -> dict[str, str]:
    """Return the titles of the sections that have something to show, in the page's order."""
    optional = {
        "posteriors": any(name in figures for name in captions.POSTERIORS),
        "published": bool(study.report.published or study.report.deviations),
    }
    return {name: title for name, title in SECTIONS.items() if optional.get(name, True)}


def _figures(study: Study, folder: Path, sentence: str) -> dict[str, dict[str, Any]]:
    """Return the figures by name, numbered in the order of the page."""
    wanted = {*captions.ALWAYS, *captions.optional_figures(study)}
    shown = [name for name in captions.CAPTIONS if name in wanted and _is_there(folder, name)]
    figures = {name: pages.figure(folder, name) for name in shown}
    figures["nll_by_depth"]["alternative"] += f" {sentence}"
    return {name: {**figure, "number": i} for i, (name, figure) in enumerate(figures.items(), 1)}


def _is_there(folder: Path, name: str) -> bool:
    """Say whether to show a figure; one of every study must be there."""
    return name in captions.ALWAYS or (folder / f"{name}.svg").exists()


def _exact(packs: Sequence[Path]) -> list[list[str]] | None:
    there = [pack for pack in packs if (pack / "exact.csv").exists()]
    return pages.rows(exact(read_rows(there, "exact.csv", EXACT))) if there else None


def _gaps(study: Study, path: Path) -> list[list[str]] | None:
    return pages.text_table(path) if study.gaps.images > 0 and path.exists() else None


def _seed_rows(metrics: pd.DataFrame) -> list[list[str]]:
    shown = metrics[[name for name in SEED_COLUMNS if name in metrics]].astype(object)
    return pages.rows(shown.map(_text))


def _text(value: object) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.4f}"
    return str(value)


def _pairs(node: dict[str, Any]) -> list[tuple[str, str]]:
    """Return nested facts as dotted paths and text."""
    return [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in flat(node)]


def _verify(study: Study, results: Path, packs: Sequence[Path]) -> None:
    """Verify what the stages left that the page rests on."""
    optional = {"gap_figures": study.gaps.images > 0, "posteriors": study.model.latent == 2}
    stages = [*STAGES, *(stage for stage, is_wanted in optional.items() if is_wanted)]
    stems = [results / stage for stage in stages]
    stems += [pack / "exact" for pack in packs if study.evaluate.exact]
    for stem in stems:
        provenance.verify_outputs(stem.with_name(f"{stem.name}{provenance.SUFFIX}"))


def _facts(study: Study, results: Path, packs: Sequence[Path]) -> dict[str, Any]:
    """Return the facts of ``provenance.json``, unless packs were mixed that may not be."""
    jobs = alike.read_jobs(study, packs)
    prepared = provenance.read(results / "data" / f"prepare{provenance.SUFFIX}")
    mixed = alike.differences(study, prepared, jobs)
    if study.report.mixed == "refuse":
        alike.refuse(mixed)
    return alike.study_facts(study, jobs, read_json(results / "data" / "dataset.json"), mixed)


def main() -> None:
    """Write the page and the facts it rests on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the whole study as JSON")
    parser.add_argument("--packs", required=True, type=Path, nargs="+", help="folders of the jobs")
    parser.add_argument("--results", required=True, type=Path, help="folder results/<study>")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--provenance", required=True, type=Path)
    args = parser.parse_args()
    study = Study.model_validate_json(args.settings)
    _verify(study, args.results, args.packs)
    facts = _facts(study, args.results, args.packs)
    write_text(args.provenance, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    write_text(args.output, page(study, args.results, args.packs, facts))
    print(f"wrote {args.output}")


if __name__ == "__main__":
    run(main)
