from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.settings.study import Study
from flowdepth.stages import gap_figures
from flowdepth.study import layout, provenance
from tabled import write_gaps
from trained import study_command

Fabricate = Callable[..., tuple[Study, list[Path]]]


def test_the_same_gaps_give_the_same_bytes_of_figure_and_table(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate(depths=(0, 4), settings={"gaps": {"images": 6}})
    write_gaps(study, packs)
    monkeypatch.setattr(sys, "argv", study_command("gap_figures", tmp_path, study)[2:])
    files = [
        *layout.figure(tmp_path, "inference_gap").values(),
        *layout.table(tmp_path, "inference_gap").values(),
    ]
    written = []
    for _ in range(2):
        gap_figures.main()
        written.append([path.read_bytes() for path in files])
    assert written[0] == written[1]
    outputs = provenance.read(tmp_path / "gap_figures.provenance.json")["outputs"]
    assert {*outputs} == {str(path.relative_to(tmp_path)) for path in files}
