from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.stages import compare


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *studies: Path) -> Path:
    output = folder / "compare.html"
    words = ["compare", "--output", str(output), "--studies", *map(str, studies)]
    monkeypatch.setattr(sys, "argv", words)
    compare.main()
    return output


def test_the_page_names_every_study(
    render: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render()
    assert tmp_path.name in run(monkeypatch, tmp_path, tmp_path).read_text()


def test_no_study_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="none named, expected finished ones: snakemake compare"):
        run(monkeypatch, tmp_path)
