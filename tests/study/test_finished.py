from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.study.finished import NEEDED, finished


def finish(folder: Path, *without: str) -> None:
    for name in {*NEEDED} - {*without}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{folder.name} {name}")


@pytest.mark.parametrize("file", NEEDED)
def test_the_sum_of_a_study_changes_with_every_file_that_is_shown(
    tmp_path: Path, file: str
) -> None:
    for name in "ab":
        finish(tmp_path / name)
    before = finished(["b", "a"], tmp_path)
    assert list(before) == ["b", "a"]
    (tmp_path / "a" / file).write_text("drawn in another style")
    after = finished(["b", "a"], tmp_path)
    assert after["b"] == before["b"]
    assert after["a"] != before["a"]


@pytest.mark.parametrize("file", NEEDED)
def test_unfinished_study_is_refused(tmp_path: Path, file: str) -> None:
    finish(tmp_path / "a")
    finish(tmp_path / "b", file)
    with pytest.raises(UserError, match=rf"results of b \(.*b/{file} missing\).*here: a"):
        finished(["a", "b"], tmp_path)


@pytest.mark.parametrize("names", [None, [], "a", ["a", "a"], {"a": 1}], ids=str)
def test_studies_that_are_no_list_of_names_are_refused(tmp_path: Path, names: object) -> None:
    finish(tmp_path / "a")
    with pytest.raises(UserError, match=r"studies: found .*, expected the names"):
        finished(names, tmp_path)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../a", "a/", ".", "", "a\n", "a b", "ä"])
def test_studies_are_named_and_not_found_by_a_path(tmp_path: Path, name: str) -> None:
    for folder in (tmp_path / "results" / "a", tmp_path / "evil"):
        finish(folder)
    with pytest.raises(
        UserError, match=r"studies: found .*, expected the name of a study, not a p"
    ):
        finished(["a", name], tmp_path / "results")


def test_published_studies_are_named_by_their_folder(tmp_path: Path) -> None:
    finish(tmp_path / "a")
    finish(tmp_path / "reference" / "b")
    assert list(finished(["a", "reference/b"], tmp_path)) == ["a", "reference/b"]
    with pytest.raises(UserError, match="finished here: a, reference/b"):
        finished(["c"], tmp_path)
