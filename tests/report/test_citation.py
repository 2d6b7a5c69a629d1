from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.report.citation import bibtex

CFF = """
cff-version: 1.2.0
title: A title
authors:
  - family-names: Noether
    given-names: Emmy
  - name: A group
repository-code: https://example.org/code
"""
GIT = {"commit": "0123456789abcdef", "date": "2026-11-24T10:00:00+00:00", "dirty": False}


@pytest.fixture
def citation(tmp_path: Path) -> Path:
    path = tmp_path / "CITATION.cff"
    path.write_text(CFF)
    return path


def test_the_entry_says_what_the_file_says(citation: Path) -> None:
    lines = bibtex({"study": "digits", "git": GIT}, citation).splitlines()
    assert lines[0] == "@misc{flowdepth-digits,"
    assert lines[1:4] == [
        "  author = {Noether, Emmy and {A group}},",
        "  title  = {{A title}},",
        "  year   = {2026},",
    ]
    assert lines[4].endswith(", commit 0123456789ab},")
    assert lines[5:] == ["  url    = {https://example.org/code},", "}"]


@pytest.mark.parametrize("git", [None, [GIT, {**GIT, "commit": "f" * 40}]], ids=["none", "two"])
def test_an_unknown_or_ambiguous_commit_is_left_out(citation: Path, git: object) -> None:
    entry = bibtex({"study": "digits", "git": git}, citation)
    assert "commit" not in entry
    assert "year" not in entry


def test_a_commit_with_changes_says_so(citation: Path) -> None:
    entry = bibtex({"study": "digits", "git": {**GIT, "dirty": True}}, citation)
    assert "commit 0123456789ab with changes}" in entry


def test_without_the_file_there_is_still_an_entry(tmp_path: Path) -> None:
    entry = bibtex({"study": "digits", "git": GIT}, tmp_path / "none.cff")
    assert "title  = {{flowdepth}}" in entry
    assert "author" not in entry
