from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.report.typesetting import latex, markdown, p_value
from flowdepth.settings.study import Study
from flowdepth.stages import tables
from helpers import leave_provenance

Fabricate = Callable[..., tuple[Study, list[Path]]]


def summary_of(results: tuple[Study, list[Path]]) -> pd.DataFrame:
    return study_tables(*results)["summary"]


def test_intervals_are_those_of_the_summary(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    frame = tables.nll_by_depth(summary)
    for name, column in (("nll", "NLL [95 %]"), ("neg_elbo", "−ELBO ± 95 %")):
        mean, low, high = (summary[f"{name}_{part}"][2] for part in ("mean", "low", "high"))
        printed = [float(number) for number in re.findall(r"[\d.]+", frame[column][2])]
        interval = [low, high] if name == "nll" else [(high - low) / 2]
        assert printed == pytest.approx([mean, *interval], abs=0.005)


def test_differences_carry_their_sign(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    summary.loc[1, ["nll_difference_mean", "nll_difference_low"]] = [0.04, -1e-6]
    summary.loc[1, "nll_difference_high"] = 0.08
    frame = tables.nll_by_depth(summary)
    assert frame["difference from K = 0 [95 %]"][0] == ""
    assert frame["difference from K = 0 [95 %]"][1].startswith("+0.04")
    assert "−0.000" not in frame["difference from K = 0 [95 %]"][1]
    assert frame["difference from K = 0 [95 %]"][2].startswith("−0.")


def test_one_seed_says_that_it_has_no_interval(fabricate: Fabricate) -> None:
    frame = tables.nll_by_depth(summary_of(fabricate(seeds=(2,))))
    assert frame["NLL [95 %]"].str.contains("one seed: no interval").all()
    assert "nan" not in frame.to_csv()


def test_failures_are_shown(fabricate: Fabricate) -> None:
    failed = [(1, 2), (4, 0), (4, 1), (4, 2)]
    frame = tables.nll_by_depth(summary_of(fabricate(failed=failed)))
    assert frame["seeds"].tolist() == ["3", "2 (1 failed)", "0 (3 failed)"]
    assert frame["NLL [95 %]"][2] == "failed"
    assert frame["K"][2] == "4"
    assert "nan" not in frame.to_csv()


def test_bits_per_dimension_have_a_column_when_they_exist(fabricate: Fabricate) -> None:
    grey = {"dataset": {"binarisation": "none"}, "model": {"likelihood": "normal"}}
    assert "bits/dim" in tables.nll_by_depth(summary_of(fabricate(settings=grey)))


def test_markdown_is_aligned(fabricate: Fabricate) -> None:
    lines = markdown(tables.nll_by_depth(summary_of(fabricate(failed=[(4, 1)])))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert {tuple(i for i, c in enumerate(line) if c == "|") for line in lines} == {
        tuple(i for i, c in enumerate(lines[0]) if c == "|")
    }


def test_latex_has_only_what_latex_can_read(fabricate: Fabricate) -> None:
    text = latex(tables.nll_by_depth(summary_of(fabricate())))
    assert text.isascii()
    body = text.split(r"\toprule")[1]
    assert body.count("%") == body.count(r"\%") == 3


def all_tables(results: tuple[Study, list[Path]]) -> dict[str, pd.DataFrame]:
    found = study_tables(*results)
    return {
        "nll_by_depth": tables.nll_by_depth(found["summary"]),
        "errors": tables.errors(found["summary"], found["convergence"]),
        "comparisons": tables.comparisons(found["comparisons"]),
    }


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(fabricate: Fabricate, tmp_path: Path) -> None:
    found = all_tables(fabricate(failed=[(4, 1)], doubtful=[0])).values()
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    body = "\n\n".join(map(latex, found))
    (tmp_path / "table.tex").write_text(f"{head}{body}\\end{{document}}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_latex_of_some_table_is_not_ascii(fabricate: Fabricate) -> None:
    for table in all_tables(fabricate(failed=[(4, 1)], doubtful=[0])).values():
        assert latex(table).isascii()


def test_doubtful_estimate_is_not_marked(fabricate: Fabricate) -> None:
    frame = tables.nll_by_depth(summary_of(fabricate(doubtful=[1])))
    assert frame["NLL [95 %]"].str.endswith("†").tolist() == [False, True, False]


def test_errors_are_not_those_of_the_summary(fabricate: Fabricate) -> None:
    results = fabricate(doubtful=[4])
    summary, frame = summary_of(results), all_tables(results)["errors"]
    for name, column in (
        ("nll_se", "SE across seeds"),
        ("nll_image_se", "SE across test images"),
        ("nll_mcse", "Monte-Carlo SE"),
    ):
        assert [float(text) for text in frame[column]] == pytest.approx(summary[name], rel=0.05)
    assert frame["images with k_hat > 0.7"].tolist() == ["0.0 %", "0.0 %", "10.0 %"]
    assert frame["change of NLL from S = 100 to 1000"].tolist() == ["−0.018"] * 3


def test_comparisons_are_not_those_of_the_study(fabricate: Fabricate) -> None:
    results = fabricate(failed=[(4, 1)])
    frame = all_tables(results)["comparisons"]
    numbers = study_tables(*results)["comparisons"]
    assert frame["compared with"].tolist() == [
        *("vanilla, K = 0", "vanilla, K = 0"),
        *("next lower, K = 0", "next lower, K = 1", "per doubling of K"),
    ]
    assert frame["K"].tolist() == ["1", "4", "1", "4", "1–4"]
    assert frame["seeds"].tolist() == ["3", "2 (1 failed)", "3", "2 (1 failed)", "2 (1 failed)"]
    assert frame["p (Holm)"].tolist() == numbers["p_holm"].map(p_value).tolist()
    assert "nan" not in frame.to_csv()


def test_p_value_is_rounded_to_zero() -> None:
    assert [p_value(p) for p in (1e-7, 0.0123, float("nan"))] == ["< 0.001", "0.012", ""]


def test_exact_table_takes_a_mean_for_the_worst_or_hides_failures() -> None:
    row = {"depth": 2, "exact_nll": 20.0, "exact_error": 1e-7, "nll": 20.01, "nll_mcse": 0.004}
    row |= {"difference": 0.01, "difference_in_mcse": 2.5, "worst_image_in_mcse": 3.0}
    other = row | {"exact_nll": 21.0, "exact_error": 3e-7, "difference_in_mcse": -4.0}
    failure = dict.fromkeys(row, float("nan"))
    rows = [row, other, failure | {"depth": 2}, failure | {"depth": 8}]
    frame = tables.exact(pd.DataFrame(rows)).set_index("K")
    shown = frame.loc["2", ["exact NLL", "quadrature error", "difference in SE, worst seed"]]
    assert shown.tolist() == ["20.5000", "3e-07", "4.0"]
    assert frame["seeds"].tolist() == ["2 (1 failed)", "0 (1 failed)"]
    assert (frame.loc["8"].iloc[1:] == "failed").all()


def test_command_writes_other_forms_of_a_table(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate()
    files = []
    for name, table in study_tables(study, packs).items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        files += [f"--{name}", str(tmp_path / f"{name}.csv")] if name != "metrics" else []
    leave_provenance(tmp_path, "summarise", tmp_path.glob("*.csv"))
    files += ["--provenance", str(tmp_path / "tables.provenance.json")]
    arguments = ["--settings", study.canonical(), *files, "--output", str(tmp_path / "tables")]
    monkeypatch.setattr(sys, "argv", ["tables", *arguments])
    tables.main()
    for name, table in all_tables((study, packs)).items():
        forms = {"md": markdown(table), "tex": latex(table), "csv": table.to_csv(index=False)}
        for kind, text in forms.items():
            assert (tmp_path / "tables" / f"{name}.{kind}").read_text() == text
