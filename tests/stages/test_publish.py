from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import flowdepth
from flowdepth.analysis.reference import Reference
from flowdepth.analysis.results import StudyResults
from flowdepth.base.errors import UserError
from flowdepth.base.files import digest
from flowdepth.report import style
from flowdepth.report.figures import posteriors
from flowdepth.settings.study import Study, read_study
from flowdepth.stages import publish, rebuild
from flowdepth.study import layout
from whole import GREY, SMALL, quick_save, run_study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    folder = tmp_path_factory.mktemp("finished")
    np.savez(folder / "own.npz", images=GREY)
    settings: dict[str, Any] = {"name": "t", "depths": [0, 2], "seeds": [0, 1], "device": "cpu"}
    settings |= {"dataset": {"name": "images", "root": str(folder / "own.npz")}, **SMALL}
    study = read_study(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "save", quick_save)
        patch.setattr(posteriors, "IMAGES", 2)
        run_study(study, folder / "results" / "t", patch)
    return study, folder / "results" / "t"


@pytest.fixture
def published(
    finished: tuple[Study, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Path]:
    study, done = finished
    folder = tmp_path / "results" / "t"
    shutil.copytree(done, folder)
    monkeypatch.setattr(style, "save", quick_save)
    monkeypatch.chdir(tmp_path)

    def run() -> Path:
        words = ["publish", "--study", str(folder), "--settings", study.whole()]
        monkeypatch.setattr(sys, "argv", words)
        publish.main()
        monkeypatch.setattr(sys, "argv", ["rebuild"])
        return tmp_path / layout.REFERENCE / "t"

    return run


def test_what_is_published_reads_as_the_study_s_own_results(
    finished: tuple[Study, Path], published: Callable[[], Path]
) -> None:
    kept, own = flowdepth.results(published()), StudyResults(*finished)
    assert isinstance(kept, Reference)
    assert kept.study.whole() == own.study.whole()
    names = ["metrics", "summary", "compared", "convergence", "certificate", "history"]
    for name in [*names, "annealed", "gaps", "exact", "estimators", "costs"]:
        pd.testing.assert_frame_equal(getattr(kept, name), getattr(own, name), check_dtype=False)
    assert (kept.images["log_p"] - own.images["log_p"]).abs().max() < own.images["mcse"].max() / 19
    for depth, shown in own.examples.items():
        assert kept.examples[depth].seeds == (0,)
        difference = kept.examples[depth].samples[0] - shown.samples[0]
        assert np.abs(difference).max() <= 0.5 / 255 + 1e-6


def test_models_and_images_are_not_kept_but_their_sums_are(published: Callable[[], Path]) -> None:
    folder = published()
    assert not [*folder.rglob("model.safetensors"), *folder.rglob("images.safetensors")]
    model = folder.parents[1] / "t" / "K2" / "seeds0+1" / "model.safetensors"
    assert digest(model) in (folder / "jobs.json").read_text()
    assert str(folder.parents[2]) not in "".join(
        path.read_text(errors="replace") for path in folder.rglob("*.json")
    )


def test_pages_are_made_again_from_what_was_kept_alone(
    published: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = published()
    shutil.rmtree(folder.parents[1] / "t")
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    for name in ("figures/nll_by_depth.svg", "tables/nll_by_depth.csv", "report.html"):
        (folder / name).write_text("changed")
    capsys.readouterr()
    rebuild.main()
    told = capsys.readouterr().out
    assert "3 changed" in told
    assert "report.html" in told
    for path, content in before.items():
        assert path.read_bytes() == content or path.name == "rebuild.provenance.json", path
    rebuild.main()
    assert "none changed" in capsys.readouterr().out


def test_a_study_published_again_replaces_what_was_there(published: Callable[[], Path]) -> None:
    folder = published()
    (folder / "figures" / "of_another_time.svg").write_text("old")
    published()
    assert not (folder / "figures" / "of_another_time.svg").exists()


def test_what_is_no_published_study_is_not_replaced(published: Callable[[], Path]) -> None:
    own = Path(layout.REFERENCE, "t", "thesis.txt")
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(UserError, match="something else than a study that was published"):
        published()
    assert own.read_text() == "mine"


def test_a_damaged_study_is_not_published(published: Callable[[], Path]) -> None:
    Path("results", "t", "K2", "seeds0+1", "history.csv").write_text("seed\n")
    with pytest.raises(UserError, match=r"history.csv: damaged"):
        published()
    assert not Path(layout.REFERENCE).exists()


def test_damage_to_what_was_kept_is_named(published: Callable[[], Path]) -> None:
    (published() / "history.parquet").write_text("")
    with pytest.raises(UserError, match=r"history.parquet: damaged"):
        rebuild.main()


def test_results_of_no_study_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the folder of a finished study"):
        flowdepth.results(tmp_path)
