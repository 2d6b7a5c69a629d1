from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from flowdepth.base.environment import git, versions


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git() is None


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_only_changes_of_the_code_make_the_tree_dirty(tmp_path: Path) -> None:
    code, result = tmp_path / "src" / "code.py", tmp_path / "results" / "summary.csv"
    for path in (code, result):
        path.parent.mkdir()
        path.write_text("before")
    person = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*person, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    assert git(code.parent)["dirty"] is False
    result.write_text("after")
    assert git(code.parent)["dirty"] is False
    code.write_text("after")
    assert git(code.parent)["dirty"] is True


def test_package_that_is_not_there_has_no_version() -> None:
    found = versions("torch", "no-such-package")
    assert list(found) == ["python", "torch", "no-such-package"]
    assert found["torch"]
    assert found["no-such-package"] is None
