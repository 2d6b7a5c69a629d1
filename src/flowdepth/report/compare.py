"""The results of several studies -> one page that lays them side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flowdepth.analysis.columns import COMPARISONS, METRICS, SUMMARY
from flowdepth.analysis.comparisons import VANILLA
from flowdepth.analysis.readers import read_json, read_table
from flowdepth.report import pages, style
from flowdepth.report.answer import answer, excluded, headline
from flowdepth.report.figures.overlay import overlay
from flowdepth.report.kinds import are_kinds, between
from flowdepth.report.registry import FIGURES
from flowdepth.report.sheets import as_csv
from flowdepth.report.typesetting import BRACKET, intervals, p_value
from flowdepth.settings.sections import flat
from flowdepth.study import layout, provenance

_STAGES = ("summarise", "figures", "tables")
_KEPT_STAGES = ("publish", "rebuild")
# The figure of each study.
_FIGURE = next(one for one in FIGURES if one.name == "nll_by_depth")
# Columns of the main table that fit beside another study's.
_SHOWN = ("K", "NLL [95 %]", "difference from K = 0 [95 %]")
# What the picture of all studies draws of each seed.
_OVERLAID = ("study", "depth", "seed", "parameters", "nll", "elbo")
# Settings that say nothing of how a number came about.
_APART = ("name", "report.")


def page(folders: Sequence[Path]) -> str:
    """Return the page as HTML that needs no other file.

    Raises
    ------
    UserError
        If a result is missing, or is not what the job that wrote it left.
    """
    studies = [_study(folder) for folder in folders]
    reasons = apart({study["name"]: study["images"] for study in studies})
    by_kind = not reasons and are_kinds([study["settings"] for study in studies])
    metrics = {study["name"]: study["metrics"] for study in studies}
    sentences, table = between(metrics) if by_kind else ([], pd.DataFrame())
    return pages.render(
        "compare.html",
        studies=studies,
        overlay=_overlay(studies, not reasons, by_kind) if len(studies) > 1 else "",
        sheet=as_csv(pd.concat(metrics.values())[[*_OVERLAID]]),
        apart=reasons,
        kinds=sentences,
        differences=pages.rows(table),
        overview=pages.rows(pd.DataFrame([study["row"] for study in studies])),
        differing=differing({study["name"]: study["settings"] for study in studies}),
    )


def apart(images: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return why the NLLs of studies are not to be set against each other, a phrase each.

    ``images`` are by the name of the study what its likelihoods are of.
    """
    facts = {fact for of_study in images.values() for fact in of_study}
    values = {
        fact: {name: of_study.get(fact, "unknown") for name, of_study in images.items()}
        for fact in sorted(facts)
    }
    return [
        f"{fact} ({', '.join(f'{value} in {name}' for name, value in found.items())})"
        for fact, found in values.items()
        if len({*found.values()}) > 1
    ]


def _overlay(studies: Sequence[dict[str, Any]], comparable: bool, by_size: bool) -> str:
    """Return the picture of all studies, of their NLLs only where these are ``comparable``."""
    summaries = {study["name"]: study["summary"] for study in studies}
    with style.visual_language():
        figure = overlay(summaries, comparable, by_size)
        return pages.source(style.contents(figure, "svg"), "svg")


def _study(folder: Path) -> dict[str, Any]:
    stages = _KEPT_STAGES if layout.is_reference(folder) else _STAGES
    needed = [layout.provenance(stage, folder) for stage in stages]
    for record in sorted({*needed, *provenance.records(folder)}):
        provenance.verify_outputs(record)
    facts = read_json(folder / "provenance.json")
    settings, name = facts["settings"], _name(folder)
    summary = read_table(folder / "summary.csv", SUMMARY)
    compared = read_table(folder / "comparisons.csv", COMPARISONS)
    metrics = read_table(folder / "metrics.csv", METRICS)
    sentence = answer(summary, compared)
    figure = pages.figure(folder, _FIGURE)
    figure["alternative"] += f" Study {name}: {sentence}"
    return {
        "name": name,
        "images": {
            "test images": facts["data"]["sha256"]["test"][:12],
            "binarisation": str(facts["data"]["binarisation"]),
            "likelihood": settings["model"]["likelihood"],
        },
        "summary": summary,
        "metrics": metrics,
        "settings": settings,
        "headline": headline(summary, compared),
        "answer": sentence,
        "figure": figure,
        "table": pages.rows(
            read_table(folder / "tables" / "nll_by_depth.csv", _SHOWN, text=True)[[*_SHOWN]]
        ),
        "excluded": [*map(str, excluded(metrics, summary))],
        "row": overview(name, settings, summary, compared),
    }


def _name(folder: Path) -> str:
    return f"{layout.REFERENCE.name}/{folder.name}" if layout.is_reference(folder) else folder.name


def overview(
    name: str, settings: dict[str, Any], summary: pd.DataFrame, compared: pd.DataFrame
) -> dict[str, str]:
    """Return a study's row: its depth of lowest mean NLL and the difference from K = 0."""
    row = {"study": name, "data set": settings["dataset"]["name"]}
    row |= {"depths": ", ".join(map(str, summary["depth"])), "seeds": str(len(settings["seeds"]))}
    if summary["nll_mean"].isna().all():
        return row | dict.fromkeys(("lowest at K", "NLL [95 %]"), "failed")
    best = int(summary["nll_mean"].argmin())
    depth = summary["depth"].iloc[best]
    test = compared[(compared["kind"] == VANILLA) & (compared["depth"] == depth)]
    return row | {
        "lowest at K": str(depth),
        "NLL [95 %]": intervals(summary, "nll_", BRACKET)[best],
        "difference from K = 0 [95 %]": "".join(intervals(test, "", BRACKET, sign="+")),
        "p (Holm)": "".join(test["p_holm"].map(p_value)),
    }


def differing(settings: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Return header and rows of the settings that the studies do not share."""
    values = {name: dict(flat(of_study)) for name, of_study in settings.items()}
    keys = dict.fromkeys(key for found in values.values() for key in found)
    rows = [[key, *(_written(found.get(key)) for found in values.values())] for key in keys]
    return [
        ["setting", *settings],
        *(row for row in rows if len({*row[1:]}) > 1 and not row[0].startswith(_APART)),
    ]


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
