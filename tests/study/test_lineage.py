"""Records of a small study, fabricated, each changed in one way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowdepth.settings.study import Study, read_study
from flowdepth.study import layout, provenance
from flowdepth.study.jobs import Job, jobs, settings
from flowdepth.study.lineage import replaced, unfit

SOURCE = {"facts": "known", "own_images": ""}
# What each stage reads and writes here.
FILES = {
    "prepare": ([], ["data/images.safetensors"]),
    "describe": (["data/images.safetensors"], ["data/dataset.json"]),
    "train": (["data/images.safetensors"], ["K2/seeds0/model.safetensors"]),
    "evaluate": (["K2/seeds0/model.safetensors"], ["K2/seeds0/metrics.csv"]),
    "summarise": (["K2/seeds0/metrics.csv"], ["metrics.csv"]),
    "figures": (["metrics.csv"], ["figures/nll_by_depth.svg"]),
    "tables": (["metrics.csv"], ["tables/nll_by_depth.csv"]),
    "paper": (["metrics.csv"], ["paper/paper.tex"]),
    "report": (["figures/nll_by_depth.svg"], ["report.html"]),
}


def study(**sections: object) -> Study:
    short = {"gaps": {"images": 0}, "certify": {"images": 0}}
    return read_study({"name": "t", "depths": [2], "seeds": [0], **short, **sections})


def code(stage: str) -> str:
    return f"flowdepth.stages.{stage}@0 flowdepth.shared@0"


def leave(folder: Path, job: Job, content: str = "") -> None:
    read, written = ([folder / name for name in names] for names in FILES[job.stage])
    cell = {} if job.depth is None else {"depth": job.depth, "seeds": job.seeds}
    more = {"source": SOURCE} if job.stage == "prepare" else {}
    given = settings(study(), job.stage)
    recorder = provenance.Recorder(job.stage, read, given, code(job.stage), **cell, **more)
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{job.stage} {content}")
    recorder.write(job.record, written)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A finished study, without Snakemake's records."""
    for job in jobs(study(), tmp_path):
        leave(tmp_path, job)
    return tmp_path


def found(folder: Path, chosen: Study | None = None, code_too: bool = True) -> dict[str, str]:
    judged = unfit(chosen or study(), folder, code if code_too else None, SOURCE)
    return {job.stage: why for job, why in judged.items()}


def again(folder: Path, stage: str) -> None:
    (job,) = [job for job in jobs(study(), folder) if job.stage == stage]
    leave(folder, job, "again")


def test_finished_study_fits_wherever_it_lies(results: Path, tmp_path: Path) -> None:
    assert found(results) == {}
    shutil.copytree(results, tmp_path / "copy", ignore=lambda *_: ["copy"])
    assert found(tmp_path / "copy") == {}


def test_nothing_is_said_of_jobs_without_results(tmp_path: Path) -> None:
    assert found(tmp_path) == {}


def test_changed_setting_is_named_where_it_counts(results: Path) -> None:
    changed = found(results, study(evaluate={"samples": 7}))
    assert changed.keys() == {"evaluate", "summarise", "figures", "tables", "paper", "report"}
    assert set(changed.values()) == {"settings (evaluate.samples)"}


def test_results_under_another_study_s_name_are_not_its_own(results: Path) -> None:
    assert found(results, study(name="other"))["report"] == "settings (name)"
    assert "train" not in found(results, study(name="other"))


def test_edited_code_is_named(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "code", lambda stage: f"flowdepth.stages.{stage}@0 {EDITED}")
    assert found(results)["train"] == "code (shared)"
    assert found(results, code_too=False) == {}


EDITED = "flowdepth.shared@1"


def test_other_images_than_were_prepared_are_told(results: Path) -> None:
    others = {**SOURCE, "own_images": "images@1"}
    assert list(unfit(study(), results, code, others).values()) == ["data (images)"]


def test_evaluation_of_an_older_model_is_told(results: Path) -> None:
    again(results, "train")
    assert found(results) == {"evaluate": "made from another model.safetensors"}


def test_older_evaluation_put_back_with_its_provenance_is_told(results: Path) -> None:
    pack = results / "K2" / "seeds0"
    shutil.copytree(pack, results / "older")
    again(results, "train")
    again(results, "evaluate")
    assert found(results) == {"summarise": "made from another metrics.csv"}
    for name in ("metrics.csv", "evaluate.provenance.json"):
        shutil.copy(results / "older" / name, pack)
    assert found(results) == {"evaluate": "made from another model.safetensors"}
    message = r"evaluate.provenance.json: its results were made from another model.safetensors"
    with pytest.raises(provenance.UserError, match=message):
        again(results, "summarise")


@pytest.mark.parametrize("stage", ["train", "summarise", "figures", "paper", "report"])
def test_deleted_file_is_named(results: Path, stage: str) -> None:
    (name,) = FILES[stage][1]
    (results / name).unlink()
    assert found(results) == {stage: f"missing files ({Path(name).name})"} or found(results) == {
        stage: f"missing files ({name})"
    }


@pytest.mark.parametrize("stage", ["prepare", "describe", "train", "evaluate", "report"])
def test_files_without_their_provenance_are_told(results: Path, stage: str) -> None:
    (job,) = [job for job in jobs(study(), results) if job.stage == stage]
    for path in layout.outputs(stage, job.folder).values():
        path.touch()
    job.record.unlink()
    assert found(results)[stage] == f"no {stage}.provenance.json"


def test_lost_pack_leaves_what_was_made_from_it_without_a_ground(results: Path) -> None:
    shutil.rmtree(results / "K2")
    assert found(results) == {"summarise": "made from another metrics.csv"}


def test_pack_of_another_depth_is_told(results: Path) -> None:
    (results / "K2").rename(results / "K4")
    told = found(results, study(depths=[4]))
    assert told["train"].startswith("results of train K = 2, seeds (0,)")


def test_damaged_provenance_is_left_to_be_refused(results: Path) -> None:
    record = layout.provenance("report", results)
    record.write_text(record.read_text().replace("report", "reporT"))
    assert found(results) == {}


def lost(folder: Path, **sections: object) -> str:
    chosen = study(**sections)
    return replaced(chosen, folder, unfit(chosen, folder, code, SOURCE))


def test_trainings_that_a_run_replaces_are_named_with_their_time(results: Path) -> None:
    said = lost(results, training={"epochs": 3, "batch_size": 7, "learning_rate": 0.5})
    assert said.startswith(f"A finished training in {results} (0 s) will be replaced: ")
    assert "settings (training." in said
    assert "to keep them, give this study another name: --config name=NAME" in said


def test_other_images_replace_every_training(results: Path) -> None:
    assert "settings (seed)" in lost(results, dataset={"seed": 1})


@pytest.mark.parametrize("sections", [{}, {"evaluate": {"samples": 7}}, {"report": {"title": "x"}}])
def test_a_run_that_replaces_no_training_says_nothing(
    results: Path, sections: dict[str, object]
) -> None:
    assert lost(results, **sections) == ""


def test_a_training_that_is_not_there_is_not_replaced(results: Path) -> None:
    shutil.rmtree(results / "K2")
    assert lost(results, training={"epochs": 3}) == ""
