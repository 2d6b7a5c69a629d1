from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdepth.monitor.jobs import Job, State
from flowdepth.monitor.left import left, left_of, seconds_left

TRAIN = ("train", 0.0)


def test_time_left_is_that_of_ended_jobs_for_those_that_have_not_ended() -> None:
    took = {"train": [20.0, 30.0, 100.0]}
    assert seconds_left(took, [TRAIN] * 4, 1) == 120
    assert seconds_left(took, [TRAIN] * 4, 2) == 60
    assert seconds_left(took, [("train", 10.0), ("train", 50.0)], 2) == 10
    assert seconds_left(took, [TRAIN], 2) == 30


def test_nothing_is_known_before_each_stage_of_packs_has_ended_once() -> None:
    assert seconds_left({}, [TRAIN], 1) is None
    assert seconds_left({"train": [9.0]}, [TRAIN, ("evaluate", 0.0)], 1) is None


def test_a_stage_that_runs_once_is_taken_to_last_as_long_as_others() -> None:
    took = {"train": [1000.0], "prepare": [4.0], "describe": [6.0]}
    assert seconds_left(took, [("summarise", 0.0), ("report", 0.0)], 1) == 10
    assert seconds_left({"train": [1000.0]}, [("report", 0.0)], 1) == 0


@pytest.mark.parametrize(("seconds", "words"), [(None, ""), (0.4, ""), (38.0, "about 38 s left")])
def test_time_left_in_words_is_silent_where_it_is_not_known(
    seconds: float | None, words: str
) -> None:
    assert left(seconds) == words


def test_logs_tell_how_long_jobs_took(tmp_path: Path) -> None:
    now = time.time()
    jobs = [
        _job(tmp_path / "a.log", "done", began=now - 500, ended=now - 300),
        _job(tmp_path / "b.log", "running", began=now - 50, ended=now),
        _job(tmp_path / "c.log", "waiting"),
    ]
    assert left_of(jobs, 1) in ("about 5 min 50 s left", "about 5 min 49 s left")
    assert left_of(jobs[1:], 1) == ""


def _job(log: Path, state: State, began: float = 0.0, ended: float = 0.0) -> Job:
    if began:
        since = datetime.fromtimestamp(began, UTC).isoformat()
        log.write_text(f"warning: slow disk\nprocess 7 on node1 since {since}\nepoch 1\n")
        os.utime(log, (ended, ended))
    return Job("train", 2, "0", log, state)
