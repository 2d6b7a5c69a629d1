from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.base.files import alone, remove, write_bytes, write_text


def fail_in_the_middle(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(number: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)


def test_interrupted_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_in_the_middle(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.txt", "half")
    assert not list(tmp_path.iterdir())


def test_only_leftovers_of_dead_processes_on_this_host_are_removed(tmp_path: Path) -> None:
    machine = socket.gethostname()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    dead, alive, elsewhere = (
        tmp_path / f".a.txt.{name}.partial.txt"
        for name in (f"{machine}.{ended.pid}", f"{machine}.{os.getppid()}", f"other.{ended.pid}")
    )
    for partial in (dead, alive, elsewhere):
        partial.touch()
    write_text(tmp_path / "a.txt", "whole")
    assert not dead.exists()
    dead.touch()
    remove(tmp_path / "a.txt")
    assert set(tmp_path.iterdir()) == {alive, elsewhere}


HOLDER = """
import sys
from pathlib import Path
from flowdepth.base.files import alone
with alone(Path(sys.argv[1])):
    print(flush=True)
    input()
"""


def test_a_folder_is_one_process_s_until_its_block_or_its_life_ends(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    words = [sys.executable, "-c", HOLDER, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    for end in ("\n", None):
        with subprocess.Popen(words, text=True, **pipes) as other:
            other.stdout.readline()
            with pytest.raises(UserError, match=r"folder: another process writes"), alone(folder):
                pass
            if end is None:
                other.kill()
            other.communicate(end)
        with alone(folder):
            pass
    assert not list(folder.iterdir())


def test_a_file_system_without_locks_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone(tmp_path):
        write_text(tmp_path / "a.txt", "whole")


@pytest.mark.parametrize(
    "name",
    [
        *(".a.txt.{host}.x.partial.txt", ".a.txt.{host}..partial.txt", ".a.txt.{host}.partial.txt"),
        *(".a.txt.{host}.-1.partial.txt", ".a.txt.{host}.1²3.partial.txt", ".a.txt.{host}.partial"),
        *(".a.txt.{host}.{dead}.partial", ".a.txt.{host}.7.{dead}.partial.txt", ".partial"),
        *(".a.txt.{host}.{dead}.partial.txt.bak", ".axtxt.{host}.{dead}.partial.txt"),
    ],
)
def test_file_of_an_odd_name_is_nobodys_leftover(tmp_path: Path, name: str) -> None:
    """A host may be called as another and a number."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    odd = tmp_path / name.format(host=socket.gethostname(), dead=ended.pid)
    odd.touch()
    write_text(tmp_path / "a.txt", "whole")
    remove(tmp_path / "a.txt")
    assert [*tmp_path.iterdir()] == [odd]


def test_leftover_of_a_number_that_no_process_has_is_removed(tmp_path: Path) -> None:
    (tmp_path / f".a.txt.{socket.gethostname()}.{10**30}.partial.txt").touch()
    write_text(tmp_path / "a.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_folder_named_as_a_leftover_stays(tmp_path: Path) -> None:
    folder = tmp_path / f".a.txt.{socket.gethostname()}.{10**9}.partial.txt"
    folder.mkdir()
    write_text(tmp_path / "a.txt", "whole")
    remove(tmp_path / "a.txt")
    assert [*tmp_path.iterdir()] == [folder]


def test_leftovers_of_a_file_with_a_pattern_for_its_name_are_removed(tmp_path: Path) -> None:
    (tmp_path / f".a[1]*.txt.{socket.gethostname()}.{10**9}.partial.txt").touch()
    write_text(tmp_path / "a[1]*.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a[1]*.txt"]


def test_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(
        UserError, match=r"a\.txt: could not be .* needs a file where this folder is"
    ):
        write_text(tmp_path / "a.txt", "whole")
    assert [*tmp_path.iterdir()] == [tmp_path / "a.txt"]


def test_missing_folder_is_made(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "a.txt", "whole")
    assert (tmp_path / "new" / "folder" / "a.txt").read_text() == "whole"


def test_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.txt", tmp_path / "file" / "folder" / "a.txt"):
        with pytest.raises(UserError) as caught:
            write_text(path, "whole")
        assert str(caught.value).startswith(f"{path}: could not be written (")
        assert f"a folder where the file {tmp_path / 'file'} is" in str(caught.value)


@pytest.mark.parametrize(
    ("number", "need"),
    [
        (errno.ENOSPC, r"No space left on device\); it needs 4 bytes where [\d,]+ are free"),
        (errno.EDQUOT, r"it needs 4 bytes"),
        (errno.EACCES, r"Permission denied\); it needs permission to write in {folder}: grant it"),
        (errno.EROFS, r"Read-only file system\); it needs permission to write in {folder}"),
        (errno.EIO, r"Input/output error\)"),
    ],
)
def test_refusal_of_the_disk_is_explained_and_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, need: str
) -> None:
    write_text(tmp_path / "a.txt", "before")
    fail_in_the_middle(monkeypatch, OSError(number, os.strerror(number)))
    message = r"a\.txt: could not be written \(.*" + need.format(folder=tmp_path)
    with pytest.raises(UserError, match=f"{message}.*, then run again"):
        write_text(tmp_path / "a.txt", "half")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


def test_limit_on_the_size_of_files_is_explained_and_leaves_no_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(UserError, match=r"File too large\); it needs 2,000 bytes"):
            write_bytes(tmp_path / "a.txt", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
