from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdepth.base.heartbeat import beside
from flowdepth.base.processes import Process
from flowdepth.monitor.jobs import Job, Plan, Row, judge, summary_rows, why
from helpers import leave_heartbeat

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
SUMMARY = """Building DAG of jobs...
output_file\tdate\trule\tlog-file(s)\tstatus\tplan
results/s/report.html\t-\treport\t-\tmissing\tupdate pending
results/s/K8/seeds0+1/model.safetensors\tThu\ttrain\tx\tok\tno update
results/s/K8/seeds0+1/history.csv\t-\ttrain\tx\tmissing\tno update
"""


OPENING = "process 7 on node1 since 2026-01-01T00:00:00+00:00\n"
WARNING = "/lib/torch/cuda.py:9: UserWarning: the driver is old\n"
GONE = Process(999_999_999, 0.0)


def job(
    folder: Path,
    text: str | None = None,
    missing: bool = True,
    pending: bool = True,
    silent: float = 3000,
    reason: str = "",
) -> Job:
    """Judge a job by its log, written last so many seconds ago, and its heartbeat."""
    log = folder / "train.log"
    if text is not None:
        log.write_text(text)
        os.utime(log, (NOW - silent, NOW - silent))
    return judge(Row("train", 8, "0-4", log, (), missing, pending), reason, NOW)


def beating(folder: Path, doing: str = "", silent: float = 0, **heartbeat: object) -> None:
    """Leave a heartbeat that was written last so many seconds ago, by default of this process."""
    path = beside(folder / "train.log")
    leave_heartbeat(path, doing, **heartbeat)
    os.utime(path, (NOW - silent, NOW - silent))


def test_summary_is_read_into_rows() -> None:
    report, train = summary_rows(SUMMARY)
    page, log = Path("results/s/report.html"), Path("results/s/logs/report.log")
    assert report == Row("report", None, None, log, (page,), missing=True, pending=True)
    log = Path("results/s/logs/train/K8_seeds0+1.log")
    outputs = tuple(Path("results/s/K8/seeds0+1", n) for n in ("model.safetensors", "history.csv"))
    assert train == Row("train", 8, "0+1", log, outputs, missing=True, pending=False)


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ({}, "waiting"),
        ({"a": NOW + 1}, "waiting"),
        ({"a": NOW - 9, "b": NOW - 1}, "stale"),
        ({"a": NOW - 1, "b": NOW + 1}, "done"),
    ],
)
def test_job_is_done_once_it_has_all_outputs_and_ended_after_the_plan(
    tmp_path: Path, made: dict[str, float], state: str
) -> None:
    for name, time in made.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    outputs = (tmp_path / "a", tmp_path / "b")
    row = Row("train", 8, "0-4", tmp_path / "log", outputs, missing=not made, pending=True)
    assert [job.state for job in Plan((row,), {}, NOW).jobs()] == [state]


def test_job_without_a_log_is_done_waiting_or_stale(tmp_path: Path) -> None:
    assert job(tmp_path, pending=False, missing=False).state == "done"
    assert job(tmp_path).state == "waiting"
    assert job(tmp_path, missing=False).state == "stale"


@pytest.mark.parametrize(
    ("text", "doing", "detail"),
    [
        (None, "", "starts"),
        (OPENING, "", "starts"),
        (f"{OPENING}training K = 8\n", "", "training K = 8"),
        (f"{OPENING}epoch 4  1:02 left\n", "epoch 5  1:01 left", "epoch 5  1:01 left"),
        (f"{OPENING}epoch 5  1:01 left\n{WARNING}", "epoch 5  1:01 left", "epoch 5  1:01 left"),
        (f"{WARNING}{OPENING}epoch 4  1:02 left\n", "", "epoch 4  1:02 left"),
    ],
)
def test_a_job_with_a_heartbeat_runs_whatever_its_log_holds(
    tmp_path: Path, text: str | None, doing: str, detail: str
) -> None:
    beating(tmp_path, doing)
    for missing in (True, False):
        running = job(tmp_path, text, missing)
        assert (running.state, running.detail) == ("running", detail)


def test_a_silent_job_on_this_host_runs_as_long_as_its_process(tmp_path: Path) -> None:
    beating(tmp_path, "epoch 4", silent=3000)
    assert job(tmp_path, f"{OPENING}epoch 4\n").state == "running"
    this = Process.this()
    for ended in (GONE, Process(this.number, this.start - 60)):
        beating(tmp_path, "epoch 4", process=ended)
        stopped = job(tmp_path, f"{OPENING}epoch 4  1:02 left\n", silent=1)
        assert (stopped.state, stopped.detail) == ("stopped", "epoch 4  1:02 left")


@pytest.mark.parametrize(("silent", "state"), [(0, "running"), (50, "running"), (70, "stopped")])
def test_a_job_on_another_host_runs_as_long_as_its_heartbeat(
    tmp_path: Path, silent: float, state: str
) -> None:
    """However long its log is silent, and whatever process here has its number."""
    for process in (GONE, Process.this()):
        beating(tmp_path, "epoch 4", silent, process=process, host="elsewhere")
        assert job(tmp_path, f"{OPENING}epoch 4\n").state == state


@pytest.mark.parametrize("text", [OPENING, f"{WARNING}{OPENING}", f"{OPENING}epoch 4\n"])
def test_a_job_whose_last_run_ended_and_left_no_results_waits(tmp_path: Path, text: str) -> None:
    """Its results were deleted since, or are to be made again from others that run now."""
    for silent in (1, 3000):
        assert job(tmp_path, text, silent=silent) == job(tmp_path, text)
        assert (job(tmp_path, text).state, job(tmp_path, text).detail) == ("waiting", "")


def test_a_job_with_unfinished_work_is_stopped(tmp_path: Path) -> None:
    """Ctrl-C ends what writes the log before the job can say that it was stopped."""
    row = Row("train", 8, "0-4", tmp_path / "log", (tmp_path / "a",), missing=True, pending=True)
    row.log.write_text(f"{OPENING}epoch 4\n")
    assert judge(row, "", NOW).state == "waiting"
    (tmp_path / "train_unfinished.safetensors").touch()
    assert (judge(row, "", NOW).state, judge(row, "", NOW).detail) == ("stopped", "epoch 4")


@pytest.mark.parametrize("more", ["", "asking SLURM to requeue job 7\n"])
def test_a_job_that_a_signal_ended_is_stopped(tmp_path: Path, more: str) -> None:
    said = "SIGUSR1: saved to x; run again to go on"
    stopped = job(tmp_path, f"{OPENING}epoch 4\n{said}\n{more}")
    assert stopped.state == "stopped"
    assert stopped.detail == (more.strip() or said)


@pytest.mark.parametrize("text", ["", WARNING])
def test_a_job_without_a_heartbeat_starts_while_its_log_is_young(tmp_path: Path, text: str) -> None:
    starting = job(tmp_path, text, silent=100)
    assert (starting.state, starting.detail) == ("running", "starts")
    assert job(tmp_path, text, silent=200).state == "waiting"
    failed = job(tmp_path, f"{text}ModuleNotFoundError: No module named 'torch'\n", silent=1)
    assert failed.state == "failed"


@pytest.mark.parametrize(
    "cause",
    [
        "error: results/x: could not be written",
        "RuntimeError: out of memory",
        "torch.OutOfMemoryError: CUDA out of memory",
        "KeyboardInterrupt",
    ],
)
def test_failure_is_told_with_its_reason(tmp_path: Path, cause: str) -> None:
    text = f"{OPENING}epoch 4\nTraceback (most recent call last):\n  File x\n{cause}\n"
    assert job(tmp_path, text) == Job("train", 8, "0-4", tmp_path / "train.log", "failed", cause)
    assert job(tmp_path, text, missing=False).state == "stale"


PARAMS = "Params have changed since last execution: Union of exclusive params before and now across"
CODE = "'flowdepth.settings.study@a1 flowdepth.settings.flows@{}'"


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (CODE.format("b2"), CODE.format("c3"), "code (settings.flows)"),
        ("'images@00000001 labels@00000002'", "'images@0000000a labels@00000002'", "data (images)"),
        ("""'{"samples":50}'""", """'{"samples":70}'""", "settings"),
        ("(0, 1)", "<nothing exclusive>", "settings"),
        (
            CODE.format("b2") + """,'{"root":"a; B@1"}'""",
            CODE.format("c3") + """,'{"root":"x"}'""",
            "code (settings.flows), settings",
        ),
    ],
)
def test_changed_parameters_are_told_apart(before: str, now: str, words: str) -> None:
    assert why(f"{PARAMS} all output: before: {before} now: {now} ") == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Updated input files: x.npz", "newer input"),
        ("Set of input files has changed since last execution", "depths or seeds"),
        ("Code has changed since last execution", "code (a rule)"),
        ("Missing output files: a; Updated input files: b", "newer input, missing files"),
        ("Input files updated by another job: x", "an earlier stage runs first"),
    ],
)
def test_reason_of_snakemake_is_put_into_plain_words(reason: str, words: str) -> None:
    assert set(why(reason).split(", ")) == set(words.split(", "))
