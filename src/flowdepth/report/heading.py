"""What a report is of, in a few lines below its title."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flowdepth.analysis.results import StudyResults
from flowdepth.settings.study import Study


def about(results: StudyResults, facts: Mapping[str, Any]) -> list[str]:
    """Return data, model, seeds, and what it took, a phrase each; ``facts`` of provenance.json."""
    study = results.study
    return [
        _data(study, facts["data"]),
        _model(study, facts["data"], results.summary["parameters"]),
        _grid(study),
        *_made(facts),
    ]


def _data(study: Study, data: Mapping[str, Any]) -> str:
    own = study.dataset.name == "images"
    name = Path(study.dataset.root).name if own else study.dataset.name
    train, validation, test = (data["sizes"][part] for part in ("train", "validation", "test"))
    return (
        f"{name}, {data['height']} × {data['width']} pixels: {train:,} training, {validation:,} "
        f"validation and {test:,} test images"
    )


def _model(study: Study, data: Mapping[str, Any], parameters: pd.Series) -> str:
    layers = (data["height"] * data["width"], *study.model.hidden)
    network = "-".join(map(str, layers)) if study.model.network == "dense" else "gated convolutions"
    fewest, most = (f"{count:,.0f}" for count in (parameters.min(), parameters.max()))
    size = fewest if fewest == most else f"{fewest} to {most}"
    return f"encoder {network}, D = {study.model.latent}, {size} parameters"


def _grid(study: Study) -> str:
    seeds = len(study.seeds)
    depths = ", ".join(map(str, study.depths))
    return f"K = {depths}, {seeds} seed{'s' * (seeds != 1)} each"


def _made(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what computed for how long, and when with which code, as far as it is known."""
    if "seconds" in facts:
        yield f"{_duration(sum(facts['seconds'].values()))} on {' and '.join(facts['devices'])}"
    version, made_by = facts.get("versions"), commit(facts)
    if isinstance(version, dict):
        dated = f", commit {made_by} of {facts['git']['date'][:10]}" if made_by else ""
        yield f"flowdepth {version['flowdepth']}{dated}"


def commit(facts: Mapping[str, Any]) -> str:
    """Return which commit the results were made with, empty where there was none."""
    git = facts.get("git")
    return git["commit"][:7] + " with changes" * git["dirty"] if isinstance(git, dict) else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
