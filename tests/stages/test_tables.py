from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.config import Study
from flowdepth.stages import tables
from flowdepth.stages.summarise import metrics_table, summary_table

Fabricate = Callable[..., tuple[Study, list[Path]]]


def summary_of(results: tuple[Study, list[Path]]) -> pd.DataFrame:
    return summary_table(metrics_table(*results))


def test_intervals_are_those_of_the_summary(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    frame = tables.table(summary)
    for name, column in (("nll", "NLL [95 %]"), ("neg_elbo", "−ELBO ± 95 %")):
        mean, low, high = (summary[f"{name}_{part}"][2] for part in ("mean", "low", "high"))
        printed = [float(number) for number in re.findall(r"[\d.]+", frame[column][2])]
        interval = [low, high] if name == "nll" else [(high - low) / 2]
        assert printed == pytest.approx([mean, *interval], abs=0.005)


def test_differences_carry_their_sign(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    summary.loc[1, ["nll_difference_mean", "nll_difference_low"]] = [0.04, -1e-6]
    summary.loc[1, "nll_difference_high"] = 0.08
    frame = tables.table(summary)
    assert frame["difference from K = 0 [95 %]"][0] == ""
    assert frame["difference from K = 0 [95 %]"][1].startswith("+0.04")
    assert "−0.000" not in frame["difference from K = 0 [95 %]"][1]
    assert frame["difference from K = 0 [95 %]"][2].startswith("−0.")


def test_one_seed_says_that_it_has_no_interval(fabricate: Fabricate) -> None:
    frame = tables.table(summary_of(fabricate(seeds=(2,))))
    assert frame["NLL [95 %]"].str.contains("one seed: no interval").all()
    assert "nan" not in frame.to_csv()


def test_failures_are_shown(fabricate: Fabricate) -> None:
    failed = [(1, 2), (4, 0), (4, 1), (4, 2)]
    frame = tables.table(summary_of(fabricate(failed=failed)))
    assert frame["seeds"].tolist() == ["3", "2 (1 failed)", "0 (3 failed)"]
    assert frame["NLL [95 %]"][2] == "failed"
    assert frame["K"][2] == "4"
    assert "nan" not in frame.to_csv()


def test_bits_per_dimension_have_a_column_when_they_exist(fabricate: Fabricate) -> None:
    grey = {"dataset": {"binarisation": "none"}, "model": {"likelihood": "normal"}}
    assert "bits/dim" in tables.table(summary_of(fabricate(settings=grey)))


def test_markdown_is_aligned(fabricate: Fabricate) -> None:
    lines = tables.markdown(tables.table(summary_of(fabricate(failed=[(4, 1)])))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert {tuple(i for i, c in enumerate(line) if c == "|") for line in lines} == {
        tuple(i for i, c in enumerate(lines[0]) if c == "|")
    }


def test_latex_has_only_what_latex_can_read(fabricate: Fabricate) -> None:
    text = tables.latex(tables.table(summary_of(fabricate())))
    assert text.isascii()
    body = text.split(r"\toprule")[1]
    assert body.count("%") == body.count(r"\%") == 3


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(fabricate: Fabricate, tmp_path: Path) -> None:
    table = tables.latex(tables.table(summary_of(fabricate(failed=[(4, 1)]))))
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "table.tex").write_text(f"{head}{table}\\end{{document}}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_command_writes_three_forms_of_one_table(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate()
    summary = tmp_path / "summary.csv"
    summary_table(metrics_table(study, packs)).to_csv(summary, index=False)
    arguments = ["--settings", study.canonical(), "--summary", str(summary)]
    monkeypatch.setattr(sys, "argv", ["tables", *arguments, "--output", str(tmp_path / "tables")])
    tables.main()
    written = {path.name: path.read_text() for path in (tmp_path / "tables").iterdir()}
    assert set(written) == {f"nll_by_depth.{kind}" for kind in ("md", "tex", "csv")}
    first = tables.table(summary_table(metrics_table(study, packs)))["NLL [95 %]"][0]
    assert all(first in text for text in written.values())
