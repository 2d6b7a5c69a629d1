from __future__ import annotations

import time
from pathlib import Path

import pytest

from flowdepth.monitor.run import LINES, Run, is_noise

NOON = time.mktime((2026, 1, 1, 12, 0, 0, 0, 0, -1))
COUNTS = {"prepare": 1, "train": 2, "evaluate": 2, "all": 1, "K8": 1, "total": 7}
TABLE = "Job stats:\njob      count\n-------  -----\ntrain        2\ntotal        7\n"
TITLE = "train K = 8, seeds 0-4"


def run(*logs: Path, appends: bool = False) -> Run:
    """A run whose job 7, a training, has started at noon."""
    begun = Run(appends)
    begun.planned(COUNTS, TABLE)
    assert begun.started(7, "train", TITLE, [*map(str, logs)], NOON) == f"12:00:00  {TITLE}"
    return begun


def failed(study: Run, *logs: Path, why: str = "", shown: bool = False) -> list[str]:
    return study.failed(7, "train", why, [*map(str, logs)], shown, NOON + 1).splitlines()


def test_plan_counts_the_jobs_that_work_and_keeps_what_is_asked_of_a_cluster() -> None:
    asked = f"{TABLE}\nasked of a cluster  jobs\ntrain  2\n"
    assert Run(False).planned(COUNTS, asked).splitlines() == [
        "5 jobs: prepare, 2 train, 2 evaluate",
        "asked of a cluster  jobs",
        "train  2",
    ]


def test_end_of_a_job_is_told_with_its_time_and_in_plain_text_with_the_progress() -> None:
    assert run().ended(7, NOON + 38) == f"12:00:38  done: {TITLE} (38 s)"
    said = run(appends=True).ended(7, NOON + 38)
    assert said == f"12:00:38  done: {TITLE} (38 s); 1 of 5 jobs done, 20 %"


def test_target_that_only_gathers_files_is_no_job() -> None:
    study = Run(False)
    study.planned(COUNTS, TABLE)
    assert study.started(0, "all", "", [], NOON) == ""
    assert study.started(1, "K8", "K = 8 is done", [], NOON) == "12:00:00  K = 8 is done"
    assert study.ended(1, NOON) == ""
    assert study.progress(NOON) == "0 of 5 jobs done, 0 %"


def test_what_a_job_warns_of_is_told_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "describe.log"
    log.write_text("process 7\nwarning: dark pixels\nwrote dataset.json\n")
    assert run(log).ended(7, NOON).splitlines()[1:] == ["          warning: dark pixels"]


def test_failed_job_shows_the_end_of_its_log_without_how_far_it_was(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("".join(f"line {n}\nepoch {n}  1:23 left\n" for n in range(LINES)) + "error: no")
    study = run(log)
    said = failed(study, log)
    lines = [line.strip() for line in said]
    assert lines[:3] == [
        f"12:00:01  failed: {TITLE}, log {log}",
        "... (1 lines above)",
        "line 1",
    ]
    assert said[-1] == "          error: no"
    assert lines[-2:] == [f"line {LINES - 1}", "error: no"]
    assert study.progress(NOON + 1) == "0 of 5 jobs done, 0 %, 1 failed"


def test_job_that_obeyed_a_signal_was_stopped(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("process 7\nepoch 1\nSIGINT: saved to a; run again to go on\n")
    study = run(log)
    assert failed(study, log)[0] == f"12:00:01  stopped: {TITLE}, log {log}"
    assert study.progress(NOON + 1) == "0 of 5 jobs done, 0 %, 1 stopped"


def test_log_that_was_shown_is_not_shown_twice(tmp_path: Path) -> None:
    log = tmp_path / "verify.log"
    log.write_text("damaged\n")
    told = failed(run(log), log, why="status: OUT_OF_MEMORY", shown=True)
    assert told[1:] == ["          status: OUT_OF_MEMORY"]


def test_job_that_is_tried_again_has_not_failed() -> None:
    study = run()
    failed(study)
    study.started(7, "train", TITLE, [], NOON + 1)
    study.ended(7, NOON + 2)
    assert study.progress(NOON + 2) == "1 of 5 jobs done, 20 %"


def test_progress_tells_the_time_left_and_at_the_end_the_time_taken() -> None:
    study = Run(False)
    study.planned({"train": 2, "evaluate": 2}, "")
    told = []
    for number, stage in enumerate(("train", "evaluate", "train", "evaluate"), start=1):
        study.started(number, stage, "", [], NOON + 10 * number)
        study.ended(number, NOON + 10 * number + 10)
        told.append(study.progress(NOON + 10 * number + 13))
    assert told == [
        "1 of 4 jobs done, 25 %",
        "2 of 4 jobs done, 50 %, about 17 s left",
        "3 of 4 jobs done, 75 %, about 7 s left",
        "4 of 4 jobs done, 100 %, in 40 s",
    ]


def test_single_job_has_no_progress() -> None:
    study = Run(True)
    study.planned({"verify": 1}, "")
    assert study.progress(NOON) == ""


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("Building DAG of jobs...", True),
        ("Config file config.yaml is extended by additional config specified", True),
        ('RuleException:\nCalledProcessError in file "train.smk", line 29:', True),
        ('RuleException:\nMissingOutputException in file "train.smk"', False),
        ("Nothing to be done (all requested files are present and up to date).", False),
        ("WorkflowError:\nAt least one job did not complete successfully.", False),
    ],
)
def test_only_what_nobody_needs_is_left_to_the_log(text: str, noise: bool) -> None:
    assert is_noise(text) is noise
