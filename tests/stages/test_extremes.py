"""Whole studies of extreme settings and images: each has a page, whatever failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowdepth.report import style
from flowdepth.report.figures import posteriors
from flowdepth.settings.study import read_study
from flowdepth.study.check import check
from markup import Page
from whole import GREY, SMALL, quick_save, run_study

TINY = 255 * np.random.default_rng(0).integers(0, 2, (40, 1, 2), dtype=np.uint8)
DIVERGING = {"training": {"learning_rate": 1e30}}
GLOROT = {"initialisation": "glorot", "output_bias": "zeros"}
GAUSSIAN = {"likelihood": "normal", "scale_start": 0.1, **GLOROT}
NORMAL = {"model": GAUSSIAN, "dataset": {"binarisation": "none"}}
CASES: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "all diverged": (DIVERGING, GREY),
    "one diverged": ({**DIVERGING, "seeds": [5], "depths": [0]}, GREY),
    "too wide to integrate": ({**NORMAL, "training": {"learning_rate": 1e3}}, GREY),
    "one sample": ({"evaluate": {"samples": 1}, "gaps": {"samples": 1, "steps": 1}}, GREY),
    "tiny images": ({"training": {"batch_size": 1}, "report": {"examples": 1}}, TINY),
    "a latent line": ({"model": {"latent": 1}}, GREY),
}


@pytest.mark.parametrize("case", CASES)
def test_a_study_of_extremes_has_a_page(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "save", quick_save)
    monkeypatch.setattr(posteriors, "IMAGES", 2)
    changes, images = CASES[case]
    np.savez(tmp_path / "own.npz", images=images)
    settings: dict[str, Any] = {"name": "t", "depths": [0, 2], "seeds": [0, 1], "device": "cpu"}
    settings |= {"dataset": {"name": "images", "root": str(tmp_path / "own.npz")}}
    settings |= SMALL
    for name, change in changes.items():
        settings[name] = settings[name] | change if isinstance(change, dict) else change
    study = read_study(settings)
    check(study)
    page = " ".join(Page(run_study(study, tmp_path / "results", monkeypatch)).text.split())
    if changes.get("training") == DIVERGING["training"]:
        assert "No training finished, so there is no answer." in page
        failed = page.count("non-finite loss in epoch 1")
        assert failed >= len(study.depths) * len(study.seeds)
    else:
        assert "nats over 2 seeds" in page
