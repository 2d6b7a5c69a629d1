from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.compute import locks
from flowdepth.compute.devices import claim
from flowdepth.compute.locks import locked, runtime_folder


@pytest.fixture(autouse=True)
def _released(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held: list[int] = []
    monkeypatch.setattr(locks, "_held", held)
    yield
    for file in held:
        os.close(file)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, which all users share."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return folder


def test_locks_lie_in_the_users_runtime_folder(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert claim(["0"]) == 0
    (lock,) = runtime.iterdir()
    assert lock.stat().st_mode & 0o777 == 0o600
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("runtime", ["", "missing", "open", "file", "link"])
def test_without_a_runtime_folder_of_the_user_one_is_made(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o750)
    (tmp_path / "file").touch(0o600)
    (tmp_path / "link").symlink_to(private)
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime and str(tmp_path / runtime))
    folder = runtime_folder()
    assert folder == runtime_folder() == temporary / f"flowdepth-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def to_a_folder(path: Path) -> None:
    target = path.parent.parent / "theirs"
    target.mkdir(mode=0o700)
    path.symlink_to(target)


def for_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


PLANTED: dict[str, Callable[[Path], None]] = {
    "link": to_a_folder,
    "broken link": lambda path: path.symlink_to("nowhere"),
    "folder of all": for_all,
    "file": lambda path: path.touch(0o600),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_is_planted_in_the_place_of_the_folder_is_refused(
    temporary: Path, plant: Callable[[Path], None]
) -> None:
    folder = temporary / f"flowdepth-{os.getuid()}"
    plant(folder)
    with pytest.raises(UserError, match=rf"{re.escape(str(folder))}: cannot keep the lock .*; rem"):
        claim(["0"])


def test_link_planted_at_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("whole")
    (tmp_path / "lock").symlink_to(tmp_path / "thesis")
    with pytest.raises(UserError, match=rf"{tmp_path}/lock: cannot keep the lock of a GPU \("):
        locked(tmp_path / "lock")
    assert (tmp_path / "thesis").read_text() == "whole"


def test_file_that_is_there_keeps_its_content(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("whole")
    assert locked(tmp_path / "lock")
    assert not locked(tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == "whole"


def test_folder_at_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        locked(tmp_path / "lock")
