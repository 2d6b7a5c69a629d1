from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.settings.study import Study
from flowdepth.stages import summarise
from flowdepth.study import layout, provenance
from trained import study_command

Fabricate = Callable[..., tuple[Study, list[Path]]]


def test_the_same_packs_give_the_same_bytes_of_every_table(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = fabricate()
    outputs = layout.outputs("summarise", tmp_path)
    monkeypatch.setattr(sys, "argv", study_command("summarise", tmp_path, study)[2:])
    summarise.main()
    first = [path.read_bytes() for path in outputs.values()]
    summarise.main()
    assert [path.read_bytes() for path in outputs.values()] == first
    assert pd.read_csv(outputs["summary"])["depth"].tolist() == [0, 1, 4]
    baseline = pd.read_csv(outputs["summary"])[["baseline", "baseline_nll"]].drop_duplicates()
    assert baseline.to_numpy().tolist() == [["independent pixels", pytest.approx(39.1, abs=2)]]
    assert pd.read_csv(outputs["metrics"])["parameters"].dtype == int
    assert pd.read_csv(outputs["comparisons"])["kind"].nunique() == 3
    record = provenance.read(tmp_path / "summarise.provenance.json")
    assert {*record["outputs"]} == {path.name for path in outputs.values()}
