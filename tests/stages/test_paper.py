from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.report import style
from flowdepth.settings.study import Study
from flowdepth.stages import paper
from helpers import leave_provenance

Fabricate = Callable[..., tuple[Study, list[Path]]]
TABLES = ("metrics", "summary", "comparisons", "convergence")


@pytest.fixture
def write(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Give the function that fabricates results and returns the paper's folder."""

    def make(**kwargs: object) -> Path:
        study, packs = fabricate(**kwargs)
        for name, table in study_tables(study, packs).items():
            table.to_csv(tmp_path / f"{name}.csv", index=False)
        leave_provenance(tmp_path, "summarise", tmp_path.glob("*.csv"))
        words = ["--settings", study.canonical(), "--packs", *map(str, packs)]
        words += [f"--{name}={tmp_path / name}.csv" for name in TABLES]
        words += [f"--output={tmp_path / 'paper'}", f"--provenance={tmp_path / 'paper.json'}"]
        monkeypatch.setattr(sys, "argv", ["paper", *words])
        paper.main()
        return tmp_path / "paper"

    return make


AWKWARD = {
    "plain": {},
    "a failed depth": {"failed": [(4, 0), (4, 1), (4, 2)]},
    "doubtful weights": {"doubtful": [0, 1]},
    "signs of LaTeX in the title": {"settings": {"report": {"title": r"50 % & {\\_more_} #1~^$"}}},
}


@pytest.mark.parametrize("case", AWKWARD)
def test_paper_does_not_compile(write: Callable[..., Path], case: str) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("pdflatex is not installed")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=write(**AWKWARD[case]), capture_output=True)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log
    assert "Overfull" not in log


def test_figure_is_not_a_column_wide(write: Callable[..., Path]) -> None:
    folder = write()
    for name in paper.FIGURES:
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", (folder / f"{name}.pdf").read_bytes())
        assert float(box[1]) == 72 * style.COLUMN


def test_best_depth_is_not_bold(write: Callable[..., Path]) -> None:
    lines = (write(gain=0.5) / "main_table.tex").read_text().splitlines()
    assert [line[:11] for line in lines[5:8]] == ["0 & 3 & 23.", "1 & 3 & 22.", r"\textbf{4} "]
