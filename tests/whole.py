"""A whole study in this process: every stage's ``main``, in the order of the data."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from flowdepth.report import style
from flowdepth.settings.study import Study

# Images, and settings of a study of seconds that has all parts.
GREY = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
MARK = {
    "label": "US$",
    "nll": 1e30,
    "source": "a",
    "quoted": "from memory",
    "protocol": "c",
    "depth": 2,
}
SMALL: dict[str, dict[str, Any]] = {
    "model": {"hidden": [8], "latent": 2},
    "training": {"epochs": 2, "batch_size": 8},
    "objective": {"annealing": {"kind": "none"}},
    "evaluate": {"samples": 20, "exact": True},
    "certify": {"images": 2, "simulated": 1, "distributions": 5, "chains": 2},
    "gaps": {"images": 2, "steps": 4, "samples": 10},
    "report": {"published": [MARK]},
}


def quick_save(
    figure: Figure, folder: Path, name: str, formats: Sequence[str] = style.FORMATS, title: str = ""
) -> list[Path]:
    """Draw once, coarsely: whatever can fail does."""
    assert not title, title
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=20)
    paths = [folder / f"{name}.{form}" for form in formats]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture.getvalue())
    return paths


def run_study(study: Study, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every stage as its rule does; return the page."""
    for stage, words in _commands(study):
        monkeypatch.setattr(sys, "argv", [stage, "--study", str(folder), *words])
        import_module(f"flowdepth.stages.{stage}").main()
    return (folder / "report.html").read_text()


def _commands(study: Study) -> Iterator[tuple[str, list[str]]]:
    dataset = ["--settings", study.dataset.canonical({"root"}), "--root", study.dataset.root]
    yield "prepare", dataset
    yield "describe", dataset
    optional = {
        "certify": study.certify.images > 0,
        "exact": study.evaluate.exact,
        "gaps": study.gaps.images > 0,
    }
    for depth in study.depths:
        for seeds in study.packs().values():
            cell = ["--depth", str(depth), "--seeds", *map(str, seeds)]
            for stage in (
                "train",
                "evaluate",
                *(name for name, asked in optional.items() if asked),
            ):
                yield stage, ["--settings", study.pack_settings(stage), *cell]
    shown = {"gap_figures": optional["gaps"], "posteriors": study.model.latent == 2}
    for stage in ("summarise", "figures", "gap_figures", "posteriors", "tables", "report", "paper"):
        if shown.get(stage, True):
            yield stage, ["--settings", study.whole()]
