from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.results import StudyResults
from flowdepth.report import tables
from flowdepth.report.answer import answer, findings
from flowdepth.report.numbers import macros, numbers
from flowdepth.settings.study import Study
from tabled import summarise

Fabricate = Callable[..., tuple[Study, list[Path]]]
Results = Callable[..., StudyResults]


@pytest.fixture
def results(fabricate: Fabricate, tmp_path: Path) -> Results:
    """Give the function that fabricates results and returns them."""
    return lambda **kwargs: summarise(*fabricate(**kwargs), tmp_path)


def by_depth(table: pd.DataFrame, column: str, depths: list[str]) -> list[str]:
    return table.set_index("K")[column].reindex(depths, fill_value="").tolist()


def bracketed(found: dict[str, str], name: str, depth: str) -> str:
    key = f"{name}.{depth}"
    return f"{found[key]} [{found[f'{key}.low']}, {found[f'{key}.high']}]" if key in found else ""


BIASED = {"bias": {0: 0.9, 1: 0.8, 4: 0.7}, "gain": 0.5}


def test_every_number_is_that_of_a_table(results: Results) -> None:
    study = results(**BIASED)
    found, depths = numbers(study), ["0", "1", "4"]
    main = tables.nll_by_depth(study.summary)
    nll = [bracketed(found, "nll", depth) for depth in depths]
    assert nll == by_depth(main, "NLL [95 %]", depths)
    importance = [found[f"importance.{depth}"] for depth in depths]
    assert importance == by_depth(main, "by importance sampling", depths)
    difference = [bracketed(found, "difference", depth) for depth in depths]
    assert difference == by_depth(main, "difference from K = 0 [95 %]", depths)
    bias = [f"{found[f'bias.{depth}']} ± {found[f'bias.{depth}.se']}" for depth in depths]
    certificate = tables.certificate(study.certificate, study.summary)
    assert bias == by_depth(certificate, "importance sampling is low by ± SE", depths)
    compared = tables.comparisons(study.compared)
    p = [found[f"p.{depth}"] for depth in depths[1:]]
    assert p == by_depth(compared, "p (Holm)", depths[1:])


def test_the_answer_is_said_with_the_same_numbers(results: Results) -> None:
    study = results(**BIASED)
    found = numbers(study)
    sentence = answer(study.summary, study.compared)
    assert f"K = {found['best']} has" in sentence
    assert f"{found['nll.best']} nats over {found['seeds']} seeds" in sentence
    assert f"p {found['p.best.is']}" in sentence
    share = " ".join(findings(study.summary, study.compared))
    assert f"gains {found['gain.importance']} nats" in share
    assert f"corrected {found['gain']}:" in share
    interval = f"95 % interval {found['share.low']} to {found['share.high']}"
    assert f"is {found['share']} nats ({interval})" in share


def test_the_best_depth_has_its_numbers_under_that_name(results: Results) -> None:
    found = numbers(results(depths=(0, 4, 16, 64), gain=0.5))
    assert found["best"] == "64"
    ends = {name.removesuffix(".64") for name in found if name.endswith(".64")}
    assert ends == {"nll", "difference", "p", "seeds"}
    for name in ends:
        assert found[f"{name}.best"] == found[f"{name}.64"]


def test_a_study_that_cannot_rank_its_depths_names_no_best(results: Results) -> None:
    found = numbers(results(doubtful=[0, 1]))
    assert not [name for name in found if "best" in name or "share" in name]
    assert found["nll.0"]


def test_one_seed_has_no_interval_and_no_test(results: Results) -> None:
    found = numbers(results(seeds=(0,)))
    assert found["seeds"] == "1"
    assert {name.split(".")[0] for name in found} == {
        *("depths", "seeds", "samples", "best", "nll", "difference"),
    }
    assert not [name for name in found if name.endswith((".low", ".high"))]


def test_a_depth_that_failed_has_no_number(results: Results) -> None:
    found = numbers(results(failed=[(4, 0), (4, 1), (4, 2)]))
    assert [name for name in found if ".4" in name] == ["seeds.4"]
    assert found["seeds.4"] == "0"


def test_a_minus_is_one_in_text_and_in_mathematics() -> None:
    lines = macros({"difference.32": "−1.02", "p.32": "< 0.001"}, "a warning").splitlines()
    assert lines[0] == "% a warning"
    assert r"\@namedef{fdnumber@difference.32}{\ensuremath{-}1.02}" in lines
    assert r"\@namedef{fdnumber@p.32}{\ensuremath{<} 0.001}" in lines


def test_a_name_that_is_none_is_an_error_in_latex(tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("pdflatex is not installed")
    (tmp_path / "numbers.tex").write_text(macros({"nll.32": "−1"}))
    start = r"\documentclass{article}\input{numbers}\begin{document}\fdnumber{nll.32}"
    start += r"$\fdnumber{nll.32}$\section{\fdnumber{nll.32}}"
    for name, is_known in (("nll.32", True), ("nll.33", False)):
        (tmp_path / "a.tex").write_text(rf"{start}\fdnumber{{{name}}}\end{{document}}")
        command = [latex, "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode == 0) is is_known
        assert ("has no number nll.33" in done.stdout) is not is_known


def test_names_are_words_parted_by_dots(results: Results) -> None:
    assert all(re.fullmatch(r"[a-z]+(\.[a-z0-9]+)*", name) for name in numbers(results(**BIASED)))
