from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.settings.study import Study
from flowdepth.stages import paper
from flowdepth.study import provenance
from tabled import summarise
from trained import study_command

Fabricate = Callable[..., tuple[Study, list[Path]]]


def test_the_same_results_give_the_same_bytes(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate()
    summarise(study, packs, tmp_path)
    monkeypatch.setattr(sys, "argv", study_command("paper", tmp_path, study)[2:])
    written = []
    for _ in range(2):
        paper.main()
        written.append({path.name: path.read_bytes() for path in (tmp_path / "paper").iterdir()})
    assert written[0] == written[1]
    record = provenance.read(tmp_path / "paper.provenance.json")
    assert {*record["outputs"]} == {f"paper/{name}" for name in written[0]}
