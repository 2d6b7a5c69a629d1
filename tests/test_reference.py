"""The published results: in the repository, whole, and what the code still gives."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import flowdepth
from flowdepth.analysis.reference import Reference
from flowdepth.base.environment import home, versions
from flowdepth.base.files import digest
from flowdepth.base.machine import processor
from flowdepth.compute.devices import kind, select
from flowdepth.report import registry
from flowdepth.report.answer import answer, findings
from flowdepth.stages.rebuild import rebuild
from flowdepth.study import layout, provenance
from published import FOLDER, HEAD, STUDIES, rows

MEGABYTE = 10**6


def test_published_studies_are_there_and_nothing_else() -> None:
    assert {"binarized_mnist", "digits", "digits_normal", "mnist", "posterior2d"} < {*STUDIES}
    assert sorted(path.name for path in FOLDER.iterdir()) == [*STUDIES]


@pytest.mark.parametrize("study", STUDIES)
def test_a_published_study_is_whole_and_small(study: str) -> None:
    folder, told = FOLDER / study, set()
    for record in provenance.records(folder):
        provenance.verify_outputs(record)
        told |= {record, *(provenance.place(record, n) for n in provenance.read(record)["outputs"])}
    there = {path for path in folder.rglob("*") if path.is_file()}
    assert told == there
    assert sum(path.stat().st_size for path in there) < 8 * MEGABYTE


def test_all_published_studies_are_small() -> None:
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(sizes) < 25 * MEGABYTE


@pytest.mark.parametrize("study", STUDIES)
def test_the_pages_are_made_of_what_was_kept(study: str, tmp_path: Path) -> None:
    folder = tmp_path / study
    shutil.copytree(FOLDER / study, folder)
    record = layout.provenance("rebuild", folder)
    before = provenance.read(record)
    for name in before["outputs"]:
        provenance.place(record, name).unlink()
    written = [*rebuild(folder)]
    results = flowdepth.results(folder)
    assert isinstance(results, Reference)
    if registry.code(results.study, "rebuild") == before["code"]:
        assert {str(path.relative_to(folder)): digest(path) for path in written} == (
            before["outputs"]
        )


def _train_and_evaluate(study: str, depth: int, folder: Path) -> Iterator[tuple[str, list[str]]]:
    settings = flowdepth.results(FOLDER / study).study
    data = ["--settings", settings.dataset.canonical({"root"})]
    cell = ["--depth", str(depth), "--seeds", *map(str, settings.seeds)]
    yield "prepare", data
    for stage in ("train", "evaluate"):
        yield stage, ["--settings", settings.pack_settings(stage), *cell]


def _machine(job: dict[str, Any]) -> dict[str, str]:
    known = {**job, **job["versions"]}
    names = ("processor", "device", "cpu_capability", "torch", "numpy")
    return {name: known.get(name, "") for name in names}


def test_a_depth_trained_again_gives_the_published_numbers_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = json.loads((FOLDER / "posterior2d" / "jobs.json").read_text())
    jobs = {
        stage: published[f"K2/seeds0+1/{stage}.provenance.json"] for stage in ("train", "evaluate")
    }
    here = {**kind(select("cpu", 1)), "processor": processor()}
    found = _machine({**here, "versions": versions("torch", "numpy")})
    for name, value in _machine(jobs["train"]).items():
        if value != found[name]:
            pytest.skip(f"{name} is {found[name]}, rounds otherwise than {value}")
    for stage, words in _train_and_evaluate("posterior2d", 2, tmp_path):
        monkeypatch.setattr(sys, "argv", [stage, "--study", str(tmp_path), *words])
        import_module(f"flowdepth.stages.{stage}").main()
    for stage, job in jobs.items():
        again = provenance.read(layout.provenance(stage, tmp_path / "K2" / "seeds0+1"))
        assert again["outputs"] == job["outputs"]


@pytest.mark.parametrize("study", STUDIES)
def test_the_page_of_results_says_what_was_kept(study: str) -> None:
    page = (home() / "docs" / "results.md").read_text(encoding="utf-8")
    results = flowdepth.results(FOLDER / study)
    sentence = answer(results.summary, results.compared)
    assert sentence in " ".join(page.replace("\n> ", " ").split())
    assert "\n".join([HEAD, "|--:|--:|--:|--:|--:|", *rows(study)]) in page


def test_the_readme_gives_the_answer_of_binarised_mnist() -> None:
    words = " ".join((home() / "README.md").read_text(encoding="utf-8").split())
    results = flowdepth.results(FOLDER / "binarized_mnist")
    assert answer(results.summary, results.compared) in words
    assert findings(results.summary, results.compared)[1] in words
