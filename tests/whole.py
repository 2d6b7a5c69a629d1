"""A whole study in this process: every stage's ``main``, in the order of the data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from flowdepth.settings.study import Study


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
