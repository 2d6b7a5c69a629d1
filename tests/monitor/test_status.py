from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.monitor.jobs import Job, State
from flowdepth.monitor.status import published, report
from flowdepth.study import layout

EPOCH = (
    "epoch 37  train -23.11  validation -23.50 nats (mean of 5 seeds)  beta 1.00  9,000 images/s"
)


def job(rule: str, state: State, detail: str = "", depth: int | None = None) -> Job:
    pack = None if depth is None else "0-4"
    log = f"logs/{rule}.log" if depth is None else f"logs/{rule}/K{depth}_seeds0-4.log"
    return Job(rule, depth, pack, Path(log), state, detail)


JOBS = [
    job("prepare", "done"),
    job("train", "done", depth=0),
    job("train", "running", f"{EPOCH}  1:23 left", depth=8),
    job("train", "failed", "error: no room on the disk", depth=32),
    job("evaluate", "running", "120 of 359 test images  12 s left", depth=0),
    job("evaluate", "waiting", depth=8),
    job("evaluate", "waiting", depth=32),
    job("summarise", "stale", "settings"),
    job("report", "stale", "an earlier stage runs first"),
]


def test_table_says_how_every_job_stands() -> None:
    assert (
        report(JOBS)
        == """\
9 jobs: 2 done, 2 running, 1 failed, 2 waiting, 2 stale

K   seeds  train                evaluate
0   0-4    done                 120 of 359, 12 s left
8   0-4    epoch 37, 1:23 left  waiting
32  0-4    failed               waiting

prepare    done
summarise  stale
report     stale

failed: train K = 32 seeds 0-4: error: no room on the disk
    logs/train/K32_seeds0-4.log
stale, settings: summarise
stale, an earlier stage runs first: report
"""
    )


def test_table_is_cut_to_the_width_of_a_terminal() -> None:
    stages = ("train", "evaluate", "exact", "gaps")
    long = "step 100000 of 100000  mean bound -1.0 nats  1000000000 s left"
    jobs = [job(stage, "running", long, depth) for stage in stages for depth in (0, 1)]
    jobs += [job("train", "failed", f"error: {'word ' * 60}", depth=2)]
    assert max(map(len, report(jobs).splitlines())) <= 80
    assert "..." in report(jobs)


def test_many_stale_jobs_share_one_line() -> None:
    jobs = [job(rule, "stale", "settings", k) for rule in ("train", "evaluate") for k in range(99)]
    assert "stale, settings: train (99 jobs), evaluate (99 jobs)\n" in report(jobs)


def test_study_of_no_pack_has_no_table() -> None:
    assert report([job("prepare", "done")]) == "1 job: 1 done\n\nprepare  done\n"


def test_status_tells_the_user_s_results_from_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = [Job("train", 0, "0-4", Path("results/digits/logs/train/K0.log"), "done", "")]
    assert not [*published(mine)]
    for name in ("digits", "mnist"):
        record = layout.provenance("publish", layout.REFERENCE / name)
        record.parent.mkdir(parents=True)
        record.touch()
    (layout.REFERENCE / "notes").mkdir()
    assert [*published(mine)] == [
        "yours: results/digits; published, in results/reference: digits, mnist"
    ]
