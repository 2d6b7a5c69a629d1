"""A finished study whose folder something has happened to, and what Snakemake then plans."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from checkout import QUICK, Checkout

END = {
    "summarise all depths and seeds",
    "draw the figures",
    "set the tables",
    "set the paper's figures and table",
    "write the report: results/quick/report.html",
}
EVALUATIONS = {f"evaluate K = {depth}, seeds 0+1" for depth in (0, 2)}
TRAININGS = {f"train K = {depth}, seeds 0+1" for depth in (0, 2)}
ALL = {"prepare digits", "describe digits"} | TRAININGS | EVALUATIONS | END
MORE = ("--config", "evaluate={samples: 60}")


@pytest.fixture
def study(finished: Checkout, tmp_path: Path) -> Checkout:
    """A finished study without Snakemake's own records of it."""
    copy = finished.copy(tmp_path / "study")
    shutil.rmtree(copy.folder / ".snakemake")
    return copy


def test_nothing_is_planned_where_snakemake_s_records_are_lost(study: Checkout) -> None:
    assert study.jobs(*QUICK) == set()


def test_changed_settings_and_code_are_seen_without_snakemake_s_records(study: Checkout) -> None:
    assert study.jobs(*QUICK, *MORE) == EVALUATIONS | END
    one = {"evaluate K = 2, seeds 0+1", "K = 2 is done; `snakemake` brings the report up to date"}
    assert study.jobs("K2", *QUICK, *MORE) == one
    with (study.folder / "src" / "flowdepth" / "estimation" / "importance.py").open("a") as file:
        file.write("EDITED = 1\n")
    assert study.jobs(*QUICK) == EVALUATIONS | END


def test_rerun_triggers_without_params_leave_settings_and_code_to_the_user(
    study: Checkout,
) -> None:
    assert study.jobs(*QUICK, *MORE, "--rerun-triggers", "mtime") == set()


def test_results_copied_under_another_name_get_a_page_of_their_own(study: Checkout) -> None:
    shutil.copytree(study.results, study.results.with_name("other"))
    planned = study.jobs(*QUICK, "--config", "name=other")
    assert planned == {job.replace("results/quick", "results/other") for job in END}


@pytest.mark.parametrize(
    ("lost", "planned"),
    [
        (
            "figures/weights.png",
            {"draw the figures", "write the report: results/quick/report.html"},
        ),
        ("paper/paper.tex", {"set the paper's figures and table"}),
        ("data/prepare.provenance.json", ALL),
        ("K2/seeds0+1/metrics.csv", {"evaluate K = 2, seeds 0+1"} | END),
        ("K2", {"train K = 2, seeds 0+1", "evaluate K = 2, seeds 0+1"} | END),
    ],
)
def test_lost_files_are_made_again(study: Checkout, lost: str, planned: set[str]) -> None:
    path = study.results / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert study.jobs(*QUICK) == planned


def test_study_is_verified_file_by_file(study: Checkout) -> None:
    assert study.snakemake("verify", *QUICK).returncode == 0
    page = study.results / "report.html"
    page.write_text(page.read_text().replace("nats", "bits"))
    refused = study.snakemake("verify", *QUICK)
    assert refused.returncode == 1
    assert "results/quick/report.html: damaged or another file" in refused.stdout + refused.stderr
