from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowdepth.compute import gpu_locks
from flowdepth.compute.gpu_locks import claim, visible

HOLDER = """
import sys, time
from pathlib import Path
from flowdepth.compute.gpu_locks import claim
print(claim(sys.argv[2:], Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _released(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held: list = []
    monkeypatch.setattr(gpu_locks, "_held", held)
    monkeypatch.setattr(gpu_locks, "_SECONDS_BETWEEN_TRIES", 0.01)
    yield
    for file in held:
        file.close()


def holder(folder: Path, *names: str) -> tuple[subprocess.Popen, int]:
    job = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder, *names], stdout=subprocess.PIPE, text=True
    )
    return job, int(job.stdout.readline())


def test_two_jobs_get_one_gpu(tmp_path: Path) -> None:
    job, theirs = holder(tmp_path, "0", "1")
    assert {theirs, claim(["0", "1"], tmp_path)} == {0, 1}
    job.kill()
    job.communicate()


def test_gpus_of_two_allocations_are_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for allocation in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", allocation)
        assert claim(["0"], tmp_path, pytest.fail) == 0


def test_dead_job_keeps_its_gpu(tmp_path: Path) -> None:
    job, _ = holder(tmp_path, "0")

    def told(line: str) -> None:
        assert "waiting for one of 1 GPUs" in line
        job.kill()

    assert claim(["0"], tmp_path, told) == 0
    job.communicate()


def test_places_are_taken_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5ab")
    assert visible(2) == ["3", "GPU-5ab"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible(2) == ["0", "1"]
