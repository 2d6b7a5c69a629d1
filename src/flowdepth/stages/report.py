"""The study's tables and figures -> report.html, one page by itself, and provenance.json."""

from __future__ import annotations

import argparse
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from flowdepth.answer import answer, remarks
from flowdepth.config import Study, flat_settings
from flowdepth.errors import UserError
from flowdepth.files import write_text
from flowdepth.provenance import provenance
from flowdepth.results import METRICS, SUMMARY, read_json, read_study_table, read_table
from flowdepth.stages.command import run

# Captions of the figures; workflow/report repeats them word for word for Snakemake's own report.
CAPTIONS = {
    "nll_by_depth": (
        "Test NLL by flow depth. Above: every seed a dot, the mean over seeds with its 95 % "
        "t-interval beside them; the dashed line is the mean of K = 0. Below, where K = 0 was "
        "trained: the difference from K = 0 paired by seed, with its 95 % t-interval; an interval "
        "clear of zero shows a difference."
    ),
    "elbo_and_nll": (
        "Mean −ELBO and NLL of the test set over seeds, with 95 % t-intervals. The shaded distance "
        "between them is the inference gap: what the posterior's family and the encoder lose."
    ),
    "learning_curves": (
        "Validation ELBO at beta = 1 by epoch: thin lines are seeds, bold ones the mean over "
        "finished seeds. Early epochs may lie below the axis."
    ),
    "reconstructions": (
        "Test images in the first row; below, their reconstructions by each depth's first finished "
        "seed."
    ),
    "prior_samples": "Samples from the prior, decoded by each depth's first finished seed.",
}
ALTERNATIVES = {
    "nll_by_depth": "Test NLL in nats against the number K of planar layers.",
    "elbo_and_nll": "Negative ELBO and NLL in nats against the number K of planar layers.",
    "learning_curves": "Validation ELBO in nats by epoch, a line for each depth.",
    "reconstructions": "Rows of small images: originals, then reconstructions by each depth.",
    "prior_samples": "Rows of small images: prior samples of each depth.",
}
GRIDS = ("reconstructions", "prior_samples")  # pixels: PNG is smaller and sharper than SVG
SEED_COLUMNS = ("depth", "seed", "status", "elbo", "nll", "nll_mcse", "best_epoch", "message")


def page(study: Study, results: Path, facts: dict[str, Any]) -> str:
    """Return the report as HTML that needs no other file.

    Raises
    ------
    UserError
        If a table or figure of the study is missing.
    """
    summary = read_study_table(results / "summary.csv", SUMMARY, study)
    metrics = read_study_table(results / "metrics.csv", METRICS, study)
    template = _environment().get_template("report.html")
    sentence = answer(summary)
    return template.render(
        study=study,
        answer=sentence,
        remarks=remarks(summary),
        figures=[_figure(results / "figures", name, sentence) for name in CAPTIONS],
        table=_rows(read_table(results / "tables" / "nll_by_depth.csv", ("K",), text=True)),
        seeds=_seed_rows(metrics),
        failures=metrics[metrics["status"] == "failed"].to_dict("records"),
        protocol=[(name, _written(value)) for name, value in flat_settings(study)],
        provenance=list(_flat(facts, skip="settings")),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("flowdepth"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["bind"] = _bind
    return environment


def _figure(folder: Path, name: str, sentence: str) -> dict[str, str]:
    kind, mime = ("png", "image/png") if name in GRIDS else ("svg", "image/svg+xml")
    path = folder / f"{name}.{kind}"
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run snakemake to draw it") from None
    alternative = ALTERNATIVES[name] + (f" {sentence}" if name == "nll_by_depth" else "")
    source = f"data:{mime};base64,{data}"
    return {"source": source, "alternative": alternative, "caption": CAPTIONS[name]}


def _rows(frame: pd.DataFrame) -> list[list[str]]:
    """Return the header and the rows of a table of text."""
    return [list(frame), *frame.to_numpy().tolist()]


def _seed_rows(metrics: pd.DataFrame) -> list[list[str]]:
    shown = metrics[[name for name in SEED_COLUMNS if name in metrics]].astype(object)
    return _rows(shown.map(_text))


def _text(value: object) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.4f}"
    return str(value)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _bind(text: str) -> str:
    """Return ``text`` with spaces that do not break inside "95 %" and "K = 0"."""
    return re.sub(r"(?<==) | (?=[=%\d])", "\u00a0", text)


def _flat(node: object, prefix: str = "", skip: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested facts as dotted paths and text."""
    if not isinstance(node, dict):
        yield prefix, _written(node)
        return
    for key, value in node.items():
        if key != skip:
            yield from _flat(value, f"{prefix}.{key}" if prefix else key)


def main() -> None:
    """Write the page and the facts it rests on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the whole study as JSON")
    parser.add_argument("--results", required=True, type=Path, help="folder results/<study>")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--provenance", required=True, type=Path)
    args = parser.parse_args()
    study = Study.model_validate_json(args.settings)
    metrics = read_study_table(args.results / "metrics.csv", METRICS, study)
    dataset = read_json(args.results / "data" / "dataset.json")
    facts = provenance(study, metrics, dataset)
    write_text(args.provenance, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    write_text(args.output, page(study, args.results, facts))
    print(f"wrote {args.output}")


if __name__ == "__main__":
    run(main)
