from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flowdepth.errors import UserError
from flowdepth.files import remove, whole_file, write_text


def test_interrupted_file_carries_its_final_name(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_file(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_leftovers_of_killed_processes_pile_up_or_the_living_lose_theirs(tmp_path: Path) -> None:
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


def test_folder_is_missing(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "a.txt", "whole")
    assert (tmp_path / "new" / "folder" / "a.txt").read_text() == "whole"


def test_refusal_of_the_disk_is_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"a\.txt: could not be written .*run again"):
        write_text(tmp_path / "file" / "a.txt", "whole")
