from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from flowdepth.base.environment import git, versions

PERSON = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def run_git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def repository(folder: Path) -> str:
    """Make a repository of a file of code and a file of results; return its commit."""
    for path in (folder / "src" / "code.py", folder / "results" / "summary.csv"):
        path.parent.mkdir(parents=True)
        path.write_text(f"before {folder}")
    for words in (["init", "-q"], ["add", "."], [*PERSON, "commit", "-qm", "all"]):
        run_git(folder, *words)
    return run_git(folder, "rev-parse", "HEAD")


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git() is None


@needs_git
def test_only_changes_of_the_code_make_the_tree_dirty(tmp_path: Path) -> None:
    repository(tmp_path)
    code, result = tmp_path / "src" / "code.py", tmp_path / "results" / "summary.csv"
    assert git(code.parent)["dirty"] is False
    result.write_text("after")
    assert git(code.parent)["dirty"] is False
    code.write_text("after")
    assert git(code.parent)["dirty"] is True


@needs_git
def test_the_commit_is_that_of_the_folder_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = repository(tmp_path / "mine"), repository(tmp_path / "other")
    assert mine != other
    (tmp_path / "mine" / "src" / "code.py").write_text("after")
    there = tmp_path / "other"
    variables = {
        "GIT_DIR": there / ".git",
        "GIT_WORK_TREE": there,
        "GIT_INDEX_FILE": there / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": there / ".git" / "objects",
        "GIT_NAMESPACE": "other",
        "GIT_CEILING_DIRECTORIES": tmp_path / "mine",
        "GIT_LITERAL_PATHSPECS": 1,
        "GIT_TRACE": 1,
    }
    for name, value in variables.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, str(value))
            found = git(tmp_path / "mine" / "src")
        assert (found["commit"], found["dirty"]) == (mine, True), name


@needs_git
def test_code_installed_into_another_projects_folder_has_no_commit(tmp_path: Path) -> None:
    repository(tmp_path)
    installed = tmp_path / ".venv" / "flowdepth"
    installed.mkdir(parents=True)
    (installed / "code.py").touch()
    assert git(installed) is None


def test_package_that_is_not_there_has_no_version() -> None:
    found = versions("torch", "no-such-package")
    assert list(found) == ["python", "torch", "no-such-package"]
    assert found["torch"]
    assert found["no-such-package"] is None
