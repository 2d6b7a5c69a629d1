from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from flowdepth.base.heartbeat import beside
from flowdepth.monitor import watch
from flowdepth.monitor.jobs import Plan, Row
from helpers import leave_heartbeat

NOW = 1.8e9
OPENING = "process 7 on node1 since 2026-01-01T00:00:00+00:00\n"
EPOCH = (
    "epoch {}  train -23.11  validation {} nats (mean of 5 seeds)  beta 1.00  9,000 images/s  "
    "1:23 left\n"
)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Four depths: one evaluates, one trains, one has failed, one waits."""
    trained = f"{EPOCH.format(1, -25.5)}{EPOCH.format(2, -24.5)}seed 0: best epoch 2\n"
    logs = {
        ("train", 0): f"{OPENING}{trained}",
        ("evaluate", 0): f"{OPENING}120 of 359 test images  12 s left\n",
        ("train", 4): f"{OPENING}{EPOCH.format(37, -23.25)}",
        ("train", 8): f"{OPENING}error: no [red] room on the disk\n",
    }
    packs = [(stage, depth) for stage in ("train", "evaluate") for depth in (0, 2, 4, 8)]
    rows = [row(tmp_path, stage, depth) for stage, depth in (*packs, ("report", None))]
    for one in rows:
        if text := logs.get((one.rule, one.depth)):
            one.log.write_text(text)
        if (one.rule, one.depth) in (("evaluate", 0), ("train", 4)):
            leave_heartbeat(beside(one.log))
    rows[0].outputs[0].touch()
    return Plan(tuple(rows), {}, NOW - 1e9)


def row(folder: Path, stage: str, depth: int | None) -> Row:
    name = f"{stage}{depth}"
    pack = None if depth is None else "0-4"
    return Row(stage, depth, pack, folder / f"{name}.log", (folder / name,), True, True)


def shown(plan: Plan, width: int = 90, height: int = 50) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(watch.view(plan.jobs(), width, height))
    return console.file.getvalue()


def test_view_says_how_every_job_stands(plan: Plan) -> None:
    lines = [" ".join(line.split()) for line in shown(plan).splitlines()]
    assert lines[0] == "9 jobs: 1 done, 2 running, 1 failed, 5 waiting"
    assert lines[2] == "0 0-4 done running 120 of 359 -24.5 12 s"
    assert lines[4] == "4 0-4 running waiting epoch 37 -23.25 9,000 1:23"
    assert lines[5] == "8 0-4 failed waiting"
    assert lines[3] == "2 0-4 waiting waiting"
    assert lines[7] == "report waiting"
    assert "failed: train K = 8 seeds 0-4: error: no [red] room on the disk" in shown(plan)


def test_running_and_failed_packs_stay_on_a_short_terminal(plan: Plan) -> None:
    few = shown(plan, height=13).splitlines()
    assert [line.split()[0] for line in few[2:7]] == ["0", "4", "8", "and", "report"]


def test_table_fits_a_narrow_terminal(plan: Plan) -> None:
    assert max(map(len, shown(plan, width=60).splitlines())) <= 60


def test_view_ends_when_all_is_done(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look finds what ended after the first one, without another question to Snakemake."""
    looks = []

    def end_one_more(seconds: float) -> None:
        looks.append(seconds)
        plan.rows[len(looks) - 1].outputs[0].touch()

    monkeypatch.setattr(watch.time, "sleep", end_one_more)
    said = watch.follow(plan, Console(file=io.StringIO(), force_terminal=True))
    assert said == f"{plan.folder.name} is done"
    assert len(looks) == len(plan.rows)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Since when Snakemake is at work on the study, if it is."""
    work: list[float] = []
    monkeypatch.setattr(watch.locks, "held_since", lambda *_: work[-1] if work else None)
    return work


def test_head_names_the_study_and_the_time_since_its_start(plan: Plan, work: list[float]) -> None:
    work.append(time.time() - 65)
    looked = watch.Watch(plan)
    looked.look()
    assert looked.head() == f"{plan.folder.name}: started 1 min 5 s ago"


def test_view_ends_when_the_study_fails(plan: Plan, work: list[float]) -> None:
    """Not before: the jobs that do not depend on the failed one go on."""
    work.append(NOW)
    looked = watch.Watch(plan)
    looked.look()
    assert looked.ending(waited=1e9) == ""
    work.clear()
    looked.look()
    assert looked.ending(waited=1e9) == ""  # two jobs run still
    stop(plan)
    looked.look()
    assert looked.ending(waited=0) == f"{plan.folder.name} failed"


def test_view_of_a_study_that_does_not_run_waits_a_little(plan: Plan, work: list[float]) -> None:
    stop(plan)
    looked = watch.Watch(plan)
    looked.look()
    assert work == []
    assert looked.ending(waited=1) == ""
    assert looked.ending(waited=60) == f"{plan.folder.name} is not running"


def stop(plan: Plan) -> None:
    for one in plan.rows:
        beside(one.log).unlink(missing_ok=True)
