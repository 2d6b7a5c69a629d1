from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from checkout import ROOT
from flowdepth import cli
from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study, read_study
from flowdepth.study import workplace


def test_a_new_study_has_every_setting_at_its_default(tmp_path: Path) -> None:
    written = workplace.begin(tmp_path / "my-study")
    assert {path.name for path in written} == {
        *("study.yaml", "README.md", ".gitignore", "profile.yaml")
    }
    settings = yaml.safe_load((tmp_path / "my-study" / "study.yaml").read_text())
    default = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert settings == {**default, "name": "my-study"}
    assert isinstance(read_study(settings), Study)
    assert "my-study/report.html" in (tmp_path / "my-study" / "README.md").read_text()


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="exists already and is not empty; choose another folder"):
        workplace.begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["my study", "été", "-x", "a.b"])
def test_a_name_that_no_study_may_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="expected a name of letters, digits, - and _"):
        workplace.begin(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_study_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no file, expected the description of a study"):
        workplace.command(tmp_path / "none.yaml", [])


def test_the_command_says_what_to_do_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["init", str(tmp_path / "mine")])
    assert f"next: cd {tmp_path / 'mine'} && flowdepth run study.yaml -n" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["run", "status", "watch"])
def test_a_study_is_planned_and_looked_at_in_a_folder_of_its_own(tmp_path: Path, word: str) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ndepths: [0, 2]\nseeds: [0]\n")
    options = ["--dry-run"] if word == "run" else []
    command = [sys.executable, "-m", "flowdepth.cli", word, "mine.yaml", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        ("\ntrain  " in done.stdout + done.stderr) if word == "run" else ("waiting" in done.stdout)
    )
    assert not (ROOT / "results" / "mine").exists()


def test_the_wheel_holds_all_that_the_workflow_reads() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = project["tool"]["setuptools"]["data-files"]
    held = {
        path: folder
        for folder, patterns in installed.items()
        for pattern in patterns
        for path in ROOT.glob(pattern)
    }
    parts = [ROOT / name for name in ("workflow", "profiles", "studies")]
    needed = {path for part in parts for path in part.rglob("*") if path.is_file()}
    assert {*needed, ROOT / "Snakefile", ROOT / "config.yaml", ROOT / "CITATION.cff"} == held.keys()
    for path, folder in held.items():
        assert Path("share", "flowdepth", path.relative_to(ROOT)).parent == Path(folder)
