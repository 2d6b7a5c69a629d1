"""Whole-study runs of ``studies/quick.yaml``, and dry runs of the four everyday commands."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from checkout import QUICK, Checkout

END = {
    "summarise all depths and seeds",
    "draw the figures",
    "set the tables",
    "set the paper's figures and table",
    "write the report: results/quick/report.html",
}


def cell(depth: int, pack: str = "0+1") -> set[str]:
    return {f"{stage} K = {depth}, seeds {pack}" for stage in ("train", "evaluate")}


def finish(depth: int) -> str:
    return f"K = {depth} is done; `snakemake` brings the report up to date"


def test_study_ends_in_a_report(finished: Checkout) -> None:
    folder = finished.folder / "results" / "quick"
    metrics, summary = (pd.read_csv(folder / f"{n}.csv") for n in ("metrics", "summary"))
    assert metrics[["depth", "seed"]].to_numpy().tolist() == [[0, 0], [0, 1], [2, 0], [2, 1]]
    assert (metrics["status"] == "done").all()
    assert metrics["nll"].between(20, 60).all()
    assert (metrics["nll"] < -metrics["elbo"]).all()
    assert summary["depth"].tolist() == [0, 2]
    page = (folder / "report.html").read_text()
    assert page.count("<figure") >= 5
    assert not re.search(r"(src|href)=\"(https?:|/|file:)", page)
    figures = {path.suffix for path in (folder / "figures").iterdir()}
    assert figures == {".svg", ".pdf", ".png"}


def test_run_that_writes_the_report_says_where_it_is(finished: Checkout, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    place = f"The report is written: {study.results / 'report.html'}"
    for target, written in (("report", True), ("summarise", False)):
        done = study.snakemake(target, *QUICK, "--forcerun", target)
        assert done.returncode == 0
        assert (place in done.stdout + done.stderr) is written
    touched = study.snakemake("report", *QUICK, "--touch", "--forcerun", "report")
    assert touched.returncode == 0
    assert place not in touched.stdout + touched.stderr


def test_every_job_says_something_in_its_log(finished: Checkout) -> None:
    logs = sorted((finished.folder / "results" / "quick" / "logs").rglob("*.log"))
    assert len(logs) == 11
    silent = {path.name for path in logs if not path.read_text().splitlines()[1:]}
    assert not silent


def test_progress_is_written_to_the_logs_line_by_line(finished: Checkout) -> None:
    logs = [path.read_bytes() for path in (finished.results / "logs").rglob("*.log")]
    assert b"epoch 2" in b"".join(logs)
    assert b"\r" not in b"".join(logs)


def test_full_study_plans_every_job(fresh: Checkout) -> None:
    expected = {"prepare digits", "describe digits"} | END | cell(0) | cell(2)
    assert fresh.jobs(*QUICK) == expected


@pytest.mark.parametrize("kind", ["radial", "householder", "sylvester"])
def test_study_of_another_flow_plans_the_same_jobs(fresh: Checkout, kind: str) -> None:
    assert fresh.jobs(*QUICK, "--config", f"flow={kind}") == fresh.jobs(*QUICK)


def test_another_study_plans_jobs_of_its_own(finished: Checkout) -> None:
    jobs = finished.jobs("--configfile", "studies/mnist.yaml")
    depths = (0, 1, 2, 4, 8, 16, 32)
    trained = {job for job in jobs if job.startswith("train")}
    assert trained == {f"train K = {depth}, seeds 0-4" for depth in depths}
    assert "prepare mnist" in jobs
    assert "write the report: results/mnist/report.html" in jobs


def test_retraining_one_depth_leaves_others_alone(finished: Checkout) -> None:
    jobs = finished.jobs("K2", "--forcerun", "train", *QUICK)
    assert jobs == cell(2) | {finish(2)}


def test_depth_outside_the_earlier_grid_is_trained_alone(finished: Checkout) -> None:
    grid = ("--config", "depths=[0, 2, 8]")
    jobs = finished.jobs("K8", "--forcerun", "train", *QUICK, *grid)
    assert jobs == cell(8) | {finish(8)}


def test_redrawing_neither_trains_nor_evaluates(finished: Checkout) -> None:
    jobs = finished.jobs("report", "--forcerun", "figures", *QUICK)
    assert jobs == {"draw the figures", "write the report: results/quick/report.html"}


def test_studies_are_compared_without_running_them(finished: Checkout, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    named = ("compare", "--config", "studies=[quick]")
    # Not the quick study's settings: those of the default one must not run either.
    assert study.jobs(*named) == {"lay studies side by side: results/compare.html"}
    done = study.snakemake(*named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<h2>quick</h2>" in (study.folder / "results" / "compare.html").read_text()
    assert study.jobs(*named) == set()
    assert study.jobs(*QUICK, "--config", "studies=[quick]") == set()


def test_comparison_with_a_missing_study_is_refused(fresh: Checkout) -> None:
    refused = fresh.snakemake("compare", "--config", "studies=[nothing]")
    output = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert output.count("no finished results of nothing (results/nothing/metrics.csv missing)") == 1
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("file", "words"), [("{parameters: shared}", "radial"), ("radial", "{parameters: shared}")]
)
def test_kind_alone_of_a_flow_leaves_the_rest_of_its_section(
    fresh: Checkout, tmp_path: Path, file: str, words: str
) -> None:
    (tmp_path / "own.yaml").write_text(f"name: own\ndepths: [2]\nflow: {file}\n")
    options = ("--dry-run", "--printshellcmds", "--configfile", str(tmp_path / "own.yaml"))
    told = fresh.snakemake(*options, "--config", f"flow={words}")
    flows = set(re.findall(r'"flow":(\{.*?\})', told.stdout + told.stderr))
    assert flows == {'{"kind":"radial","parameters":"shared"}'}


def test_slurm_profile_plans_the_same_study(fresh: Checkout) -> None:
    profile = ("--profile", "profiles/slurm")
    assert fresh.jobs(*profile, *QUICK) == {"prepare digits", "describe digits"} | END | cell(
        0
    ) | cell(2)


WRONG = {
    "misspelt key": ("trainig={epochs: 3}", "did you mean training"),
    "negative depth": ("depths=[0, -1]", "depths.1: found -1"),
    "Bernoulli on grey pixels": ("dataset={binarisation: none}", "no Bernoulli likelihood"),
    "unknown flow": (
        "flow=spherical",
        "flow.kind: found 'spherical', expected 'planar', 'radial', 'householder' or 'sylvester'",
    ),
    "unknown data set": ("dataset={name: minst}", "dataset.name: found 'minst'"),
    "batch larger than the data": ("training={batch_size: 5000}", "training.batch_size"),
    "seeds repeated": ("seeds=[1, 1]", "seeds lists [1] more than once"),
    "no test split": ("dataset={test: 0}", "dataset.test"),
    "depth as text": ("depths=[eight]", "depths.0: found 'eight'"),
    "missing file": ("dataset={name: images, root: none.npz}", "none.npz"),
    "number for a list": ("depths=8", "found 8, expected a list, such as depths='[0, 8]'"),
    "number for a section": (
        "evaluate=50",
        "evaluate: found 50, expected keys and values as in evaluate='{key: value}', of the keys",
    ),
    "no samples": ("evaluate={samples: 0}", "evaluate.samples: found 0"),
}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("train", "`snakemake --until train` does it for all, `snakemake K2` one depth"),
        ("K10", "with --config depths='[0, 2, 10]', or in its file, it has this one as well"),
    ],
)
def test_target_that_is_none_is_told_what_to_write(
    fresh: Checkout, target: str, words: str
) -> None:
    refused = fresh.snakemake(target, *QUICK, "--dry-run")
    assert refused.returncode == 1
    assert words in refused.stdout + refused.stderr


def test_study_file_without_a_name_is_refused(fresh: Checkout, tmp_path: Path) -> None:
    (tmp_path / "rates.yaml").write_text("training: {learning_rate: 0.01}\n")
    file = ("--configfile", str(tmp_path / "rates.yaml"), "--dry-run")
    refused = fresh.snakemake(*file)
    assert refused.returncode == 1
    assert "rates.yaml: has no name" in refused.stdout + refused.stderr
    assert "add a line such as `name: rates`" in refused.stdout + refused.stderr
    assert fresh.snakemake(*file, "--config", "name=rates").returncode == 0


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_wrong_configuration_is_refused_before_anything_starts(
    fresh: Checkout, change: str, words: str
) -> None:
    refused = fresh.snakemake(*QUICK, "--config", change)
    output = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert output.count(words) == 1
    assert "Traceback" not in output
    assert not (fresh.folder / "results").exists()


def test_job_refuses_code_it_was_not_submitted_with(
    fresh: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWDEPTH_CODE", "0123abcd")
    refused = fresh.snakemake(*QUICK, "--dry-run")
    assert refused.returncode == 1
    assert "the code has changed since this job was submitted" in refused.stdout + refused.stderr
