from __future__ import annotations

import sys
from pathlib import Path

import pytest

from damage import flip, unnoticed
from flowdepth.monitor import verify
from helpers import leave_provenance


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A page, and behind a link a pack with a model."""
    folder, pack = tmp_path / "results", tmp_path / "elsewhere" / "seeds0"
    folder.mkdir()
    pack.mkdir(parents=True)
    (folder / "K2").symlink_to(pack.parent)
    for place, stage, name in ((folder, "report", "page.html"), (pack, "train", "model")):
        (place / name).write_bytes(bytes(range(90)))
        leave_provenance(place, stage, [name])
    return folder


def test_study_as_it_was_written_is_said_to_be_well(results: Path) -> None:
    said, well = verify.verdict(results)
    assert well
    assert said == f"{results}: 2 files of 2 jobs are as they were written"


@pytest.mark.parametrize(("name", "stage"), [("page.html", "report"), ("K2/seeds0/model", "train")])
def test_damage_of_the_same_time_is_named(results: Path, name: str, stage: str) -> None:
    path = results / name
    unnoticed(path, flip(path.read_bytes()), path.with_name(f"{stage}.provenance.json"))
    said, well = verify.verdict(results)
    assert not well
    assert f"{path}: damaged or another file" in said


def test_command_exits_with_1_where_something_is_wrong(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "report.provenance.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["verify", str(results), str(results / "none")])
    with pytest.raises(SystemExit) as ended:
        verify.main()
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "report.provenance.json: damaged" in said
    assert "none: no results to verify; run the study first" in said
