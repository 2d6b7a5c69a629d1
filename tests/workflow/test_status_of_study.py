from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from checkout import Checkout
from flowdepth.base.heartbeat import beside
from helpers import leave_heartbeat

QUICK = ("--configfile", "studies/quick.yaml")


def status(study: Checkout, *options: str) -> str:
    command = [sys.executable, "-m", "flowdepth.monitor.status", *QUICK, *options]
    done = subprocess.run(command, cwd=study.folder, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def row(table: str, start: str) -> list[str]:
    return next(line.split() for line in table.splitlines() if line.startswith(start))


def test_status_agrees_with_what_snakemake_would_do(finished: Checkout, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    assert status(study).startswith("11 jobs: 11 done\n")
    changes = ("--config", "evaluate={samples: 70}", "depths=[0, 2, 5]")
    table = status(study, *changes)
    assert row(table, "0 ") == ["0", "0+1", "done", "stale"]
    assert row(table, "5 ") == ["5", "0+1", "waiting", "waiting"]
    assert "stale, settings (evaluate.samples): evaluate (2 jobs)" in table
    within = study.snakemake("status", *QUICK, *changes)
    assert within.returncode == 0
    assert table in within.stdout + within.stderr


def test_running_job_shows_its_progress_and_failed_job_its_error(
    finished: Checkout, tmp_path: Path
) -> None:
    study = finished.copy(tmp_path / "study")
    results = study.folder / "results" / "quick"
    for part in ("K0", "K2", "figures", "tables"):
        shutil.rmtree(results / part)
    for file in ("report.html", "metrics.csv"):
        (results / file).unlink()
    logs = results / "logs" / "train"
    leave_heartbeat(beside(logs / "K0_seeds0+1.log"), "epoch 1  0:09 left")
    with (logs / "K2_seeds0+1.log").open("a") as log:
        log.write("error: no room on the disk\n")
    table = status(study)
    assert row(table, "0 ")[2:6] == ["epoch", "1,", "0:09", "left"]
    assert row(table, "2 ")[2] == "failed"
    assert "failed: train K = 2 seeds 0+1: error: no room on the disk" in table
    assert "results/quick/logs/train/K2_seeds0+1.log" in table


def test_status_names_damaged_files_and_goes_on(finished: Checkout, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    spoilt = ("K0/seeds0+1/metrics.csv", "paper/paper.tex", "figures.provenance.json")
    for name in spoilt:
        path = study.results / name
        path.write_bytes(path.read_bytes()[:-1])
    table = status(study)
    assert table.startswith("11 jobs: ")
    assert row(table, "2 ") == ["2", "0+1", "done", "done"]
    told = [line for line in table.splitlines() if line.startswith("damaged: ")]
    named = {line.split()[1].removeprefix("results/quick/").rstrip(":") for line in told}
    assert named == {*spoilt}
    within = study.snakemake("status", *QUICK)
    assert within.returncode == 0
    assert table in within.stdout + within.stderr


def test_stage_opens_its_log_with_process_host_and_time(finished: Checkout) -> None:
    for log in (finished.folder / "results" / "quick" / "logs").rglob("*.log"):
        assert re.match(rf"process \d+ on {platform.node()} since 20\S+\n", log.read_text()), log


def test_status_of_a_refused_study_tells_the_mistake(fresh: Checkout) -> None:
    said = status(fresh, "--config", "depths=[-1]")
    assert said.startswith("error: snakemake cannot plan this study:")
    assert "depths.0: found -1" in said


def test_new_study_is_all_waiting(fresh: Checkout) -> None:
    assert status(fresh).startswith("11 jobs: 11 waiting\n")


def test_edited_images_are_named_as_the_reason_for_stale_jobs(
    fresh: Checkout, tmp_path: Path
) -> None:
    study = fresh.copy(tmp_path / "study")
    own = ("--config", "dataset={name: images, root: own.npz}", "training={batch_size: 8}")
    for top in (255, 254):
        pixels = np.random.default_rng(0).integers(0, top, (40, 3, 4), dtype=np.uint8)
        np.savez(study.folder / "own.npz", images=pixels)
        if top == 255:
            assert study.snakemake("prepare", *QUICK, *own).returncode == 0
    assert "stale, data (images): prepare" in status(study, *own)


@pytest.mark.parametrize(
    "command",
    ["snakemake status --quiet", "flowdepth.monitor.status", "flowdepth.monitor.watch"],
)
def test_a_study_is_looked_at_from_another_folder(
    finished: Checkout, tmp_path: Path, command: str
) -> None:
    study = finished.copy(tmp_path / "study")
    where = ["-s", str(study.folder / "Snakefile"), "--directory", str(study.folder)]
    where += ["--configfile", str(study.folder / "studies" / "quick.yaml")]
    words = [sys.executable, "-m", *command.split(), *where]
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        words, cwd=tmp_path / "elsewhere", env=study.environment, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert re.search(r"^11 jobs: 11 done$", said, re.MULTILINE) or "report done" in said, said
