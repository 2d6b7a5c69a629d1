from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.errors import UserError
from flowdepth.files import whole_file, write_text


def test_interrupted_file_carries_its_final_name(tmp_path: Path) -> None:
    def interrupted() -> None:
        with whole_file(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_folder_is_missing(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "folder" / "a.txt", "whole")
    assert (tmp_path / "new" / "folder" / "a.txt").read_text() == "whole"


def test_refusal_of_the_disk_is_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"a\.txt: could not be written .*run again"):
        write_text(tmp_path / "file" / "a.txt", "whole")
