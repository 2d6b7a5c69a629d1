from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.base.files import digest
from flowdepth.study.finished import NEEDED, finished


def finish(folder: Path, *without: str) -> None:
    for name in {*NEEDED} - {*without}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{folder.name} {name}")


def test_study_is_known_by_another_sum(tmp_path: Path) -> None:
    finish(tmp_path / "a")
    finish(tmp_path / "b")
    sums = finished(["b", "a"], tmp_path)
    assert list(sums.items()) == [(n, digest(tmp_path / n / "provenance.json")) for n in "ba"]


@pytest.mark.parametrize("file", NEEDED)
def test_unfinished_study_is_compared(tmp_path: Path, file: str) -> None:
    finish(tmp_path / "a")
    finish(tmp_path / "b", file)
    with pytest.raises(UserError, match=rf"results of b \(.*b/{file} missing\).*here: a"):
        finished(["a", "b"], tmp_path)


@pytest.mark.parametrize("names", [None, [], "a", ["a", "a"], {"a": 1}], ids=str)
def test_studies_are_no_list_of_names(tmp_path: Path, names: object) -> None:
    finish(tmp_path / "a")
    with pytest.raises(UserError, match=r"studies: found .*, expected the names"):
        finished(names, tmp_path)
