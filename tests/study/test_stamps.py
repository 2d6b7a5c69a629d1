from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.study import stamps

CHOSEN = ("model.flows.planar", "data.readers.digits")


def modules(stamp: str) -> set[str]:
    return {entry.split("@")[0].removeprefix("flowdepth.") for entry in stamp.split()}


def test_a_stage_depends_on_what_computes_it() -> None:
    train, evaluate = (modules(stamps.of_stage(stage, *CHOSEN)) for stage in ("train", "evaluate"))
    shared = {"compute.streams", "data.prepared", "model.flows.planar", "model.vae", "stages.pack"}
    assert shared | {"stages.train", "training.loop"} <= train
    assert shared | {"stages.evaluate", "estimation.importance"} <= evaluate
    assert not {"data.sources", "data.peculiarities", "estimation.importance"} & train
    assert "training.loop" not in evaluate


@pytest.mark.parametrize("stage", ["describe", "prepare", "train", "evaluate", "exact", "gaps"])
def test_a_stage_that_computes_depends_on_no_words_about_it(stage: str) -> None:
    wings = {name.split(".")[0] for name in modules(stamps.of_stage(stage, *CHOSEN))}
    assert wings <= {"compute", "data", "model", "training", "estimation", "stages"}


def test_summarise_depends_on_its_baseline_and_on_no_flow_and_no_training() -> None:
    used = modules(stamps.of_stage("summarise", *CHOSEN))
    assert {"estimation.baselines", "analysis.summary"} <= used
    assert not [name for name in used if name.startswith(("training", "model.flows", "model.vae"))]


@pytest.mark.parametrize("stage", ["figures", "tables", "report", "paper"])
def test_a_stage_that_reports_depends_on_no_settings_and_no_model(stage: str) -> None:
    wings = {name.split(".")[0] for name in modules(stamps.of_stage(stage, *CHOSEN))}
    assert wings <= {"estimation", "analysis", "report", "stages"}


def test_a_study_depends_on_its_own_flow_alone() -> None:
    for flow, other in (("planar", "radial"), ("radial", "planar")):
        used = modules(stamps.of_stage("gaps", f"model.flows.{flow}", "data.readers.digits"))
        assert f"model.flows.{flow}" in used
        assert f"model.flows.{other}" not in used


def test_a_study_depends_on_the_reader_of_its_own_images_alone() -> None:
    used = modules(stamps.of_stage("prepare", "model.flows.planar", "data.readers.idx"))
    assert {"data.readers.idx", "data.archives"} <= used
    assert not {"data.readers.digits", "data.readers.amat", "model.flows.planar"} & used


def test_a_folder_counts_with_every_file_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "SOURCE", tmp_path)
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "a.html").write_text("a")
    before = stamps.of_files("page")
    (tmp_path / "page" / "b.html").write_text("b")
    assert stamps.of_files("page") != before
