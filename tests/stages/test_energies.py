from __future__ import annotations

import functools
import sys
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.stages import energies


def test_two_runs_write_the_same_figure_and_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energies, "DEPTHS", (1, 3))
    monkeypatch.setattr(energies, "SAMPLES", 1000)
    monkeypatch.setattr(energies, "fit", functools.partial(energies.fit, steps=30, restarts=2))
    for folder in ("a", "b"):
        monkeypatch.setattr(sys, "argv", ["energies", "--output", str(tmp_path / folder)])
        energies.main()
    files = {f"energies.{kind}" for kind in ("csv", "md", "svg", "pdf", "png")}
    assert {path.name for path in (tmp_path / "a").iterdir()} == files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    table = pd.read_csv(tmp_path / "a" / "energies.csv")
    assert table["depth"].tolist() == [1] * 4 + [3] * 4
    assert (table["kl"] > 0).all()
