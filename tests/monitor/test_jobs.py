from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdepth.monitor.jobs import Job, Plan, Row, judge, summary_rows, why

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
SUMMARY = """Building DAG of jobs...
output_file\tdate\trule\tlog-file(s)\tstatus\tplan
results/s/report.html\t-\treport\t-\tmissing\tupdate pending
results/s/K8/seeds0+1/model.safetensors\tThu\ttrain\tx\tok\tno update
results/s/K8/seeds0+1/history.csv\t-\ttrain\tx\tmissing\tno update
"""


def opening(pid: int, host: str | None = None, minutes: float = 60) -> str:
    since = datetime.fromtimestamp(NOW - 60 * minutes, UTC).isoformat()
    return f"process {pid} on {host or platform.node()} since {since}\n"


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def job(
    folder: Path,
    text: str | None = None,
    missing: bool = True,
    pending: bool = True,
    silent: float = 0,
    reason: str = "",
) -> Job:
    log = folder / "train.log"
    if text is not None:
        log.write_text(text)
        os.utime(log, (NOW - silent, NOW - silent))
    return judge(Row("train", 8, "0-4", log, (), missing, pending), reason, NOW)


def test_summary_is_misread() -> None:
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
def test_what_ends_after_the_plan_is_never_done(
    tmp_path: Path, made: dict[str, float], state: str
) -> None:
    for name, time in made.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    outputs = (tmp_path / "a", tmp_path / "b")
    row = Row("train", 8, "0-4", tmp_path / "log", outputs, missing=not made, pending=True)
    assert [job.state for job in Plan((row,), {}, NOW).jobs()] == [state]


def test_states_without_a_log_are_mixed_up(tmp_path: Path) -> None:
    assert job(tmp_path, pending=False, missing=False).state == "done"
    assert job(tmp_path).state == "waiting"
    assert job(tmp_path, missing=False).state == "stale"


def test_living_process_is_not_seen(tmp_path: Path) -> None:
    alive = opening(os.getpid())
    assert job(tmp_path, alive).detail == "starts"
    running = job(tmp_path, f"{alive}epoch 3\nepoch 4  1:02 left\n", silent=3000)
    assert (running.state, running.detail) == ("running", "epoch 4  1:02 left")
    assert job(tmp_path, alive, missing=False).state == "running"


def test_dead_process_runs_for_ever(tmp_path: Path, dead: int) -> None:
    stopped = job(tmp_path, f"{opening(dead)}epoch 4  1:02 left\n")
    assert (stopped.state, stopped.detail) == ("stopped", "epoch 4  1:02 left")


@pytest.mark.parametrize(
    "cause",
    [
        "error: results/x: could not be written",
        "RuntimeError: out of memory",
        "torch.OutOfMemoryError: CUDA out of memory",
        "KeyboardInterrupt",
    ],
)
def test_failure_goes_without_its_reason(tmp_path: Path, dead: int, cause: str) -> None:
    text = f"{opening(dead)}epoch 4\nTraceback (most recent call last):\n  File x\n{cause}\n"
    assert job(tmp_path, text) == Job("train", 8, "0-4", tmp_path / "train.log", "failed", cause)
    assert job(tmp_path, text, missing=False).state == "stale"


@pytest.mark.parametrize(
    ("silent", "lines", "state"),
    [(60, 1, "running"), (200, 1, "running"), (200, 600, "stopped"), (3000, 2, "stopped")],
)
def test_process_elsewhere_runs_for_ever_or_not_at_all(
    tmp_path: Path, silent: float, lines: int, state: str
) -> None:
    """Known by its log's age: a line every ten minutes keeps it running longer than every 6 s."""
    text = opening(os.getpid(), "elsewhere", minutes=20) + "epoch 4\n" * lines
    assert job(tmp_path, text, silent=silent).state == state


def test_log_just_opened_is_a_failure(tmp_path: Path) -> None:
    assert job(tmp_path, "").state == "running"
    assert job(tmp_path, "", silent=1000).state == "stopped"


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
def test_changed_parameters_are_not_told_apart(before: str, now: str, words: str) -> None:
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
def test_reason_of_snakemake_is_not_understood(reason: str, words: str) -> None:
    assert set(why(reason).split(", ")) == set(words.split(", "))
