from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.base import machine
from flowdepth.forecast import plan
from flowdepth.forecast.plan import Cost, cost, report, table, wall_seconds
from flowdepth.forecast.rates import Rates
from flowdepth.monitor.jobs import Job, State
from flowdepth.settings.study import Study

STUDY = Study(name="test", depths=(0, 4), seeds=(0, 1))


class Even(Rates):
    """A second a start, and a millisecond a step."""

    start = 1.0  # type: ignore[assignment]

    def seconds(self, step: str, depth: int, replicas: int) -> float:
        return 1e-3


def job(rule: str, depth: int | None = None, state: State = "waiting") -> Job:
    return Job(rule, depth, None if depth is None else "0+1", Path("log"), state)


def test_training_takes_its_updates_and_a_start() -> None:
    # 400 epochs of ten batches.
    assert cost(job("train", 0), STUDY, Even(STUDY, [0, 4])).seconds == pytest.approx(4.0 + 1)


def test_jobs_that_are_done_take_nothing() -> None:
    jobs = [job("train", 0, "done"), job("train", 4), job("evaluate", 0, "stale"), job("report")]
    lines = [*report(jobs, STUDY, Even(STUDY, [0, 4]), cores=1)]
    assert lines[0] == "test: 3 of 4 jobs are left"
    counts = {line.split()[0]: line.split()[1] for line in lines[3:6]}
    assert counts == {"train": "1", "evaluate": "1", "report": "1"}
    assert any(line.startswith("asked of a cluster") for line in lines)
    assert any(line.startswith("note: seeds: 2, too few") for line in lines)


def test_finished_study_has_nothing_left() -> None:
    lines = [*report([job("train", 0, "done")], STUDY, Even(STUDY, [0]), cores=1)]
    assert lines == ["test: 0 of 1 jobs are left"]


def test_packs_share_the_cores_and_the_rest_goes_one_by_one() -> None:
    costs = {job(rule, depth): Cost(10, 0, 0) for rule in ("train", "evaluate") for depth in (0, 4)}
    costs[job("report")] = Cost(3, 0, 0)
    assert wall_seconds(costs, at_once=1) == 43
    assert wall_seconds(costs, at_once=2) == 23
    assert wall_seconds(costs, at_once=64) == 23


def test_table_sums_time_and_disk_and_keeps_the_largest_memory() -> None:
    costs = {job("train", 0): Cost(3600, 500, 1), job("train", 4): Cost(61, 700, 2.25)}
    assert table({**costs, job("report"): Cost(2, 400, 1)}) == [
        "        jobs       time  memory    disk",
        "train      2  1 h 1 min  0.7 GB  3.2 MB",
        "report     1        2 s  0.4 GB  1.0 MB",
        "in all     3  1 h 1 min  0.7 GB  4.2 MB",
    ]


def test_gpu_jobs_run_one_at_a_time_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plan, machine):
        monkeypatch.setattr(module, "gpus", lambda: 2)
    lines = [*report([job("train", 0)], STUDY, Even(STUDY, [0]), cores=16)]
    (about,) = [line for line in lines if line.startswith("about ")]
    assert "GPUs: 2" in about
    asked = [line.split() for line in lines if line.startswith("train ")][-1]
    assert asked[2] == asked[3]  # core hours, GPU hours
