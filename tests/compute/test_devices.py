from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.compute import devices, locks
from flowdepth.compute.devices import claim, kind, select, used, visible

HOLDER = """
import sys, time
from pathlib import Path
from flowdepth.compute.devices import claim
print(claim(sys.argv[2:], Path(sys.argv[1])), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _released(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    held: list[int] = []
    monkeypatch.setattr(locks, "_held", held)
    monkeypatch.setattr(devices, "_SECONDS_BETWEEN_TRIES", 0.01)
    yield
    for file in held:
        os.close(file)


def holder(folder: Path, *names: str) -> tuple[subprocess.Popen, int]:
    job = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder, *names], stdout=subprocess.PIPE, text=True
    )
    return job, int(job.stdout.readline())


def test_missing_gpu_is_refused_for_cuda_and_auto_takes_the_cpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="set device to auto or cpu"):
        select("cuda", 1)
    assert select("auto", 1) == torch.device("cpu")


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The GPUs set as a process's own on a machine that pretends to have two."""
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(devices, "claim", partial(claim, folder=tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices._free_gpu.cache_clear()
    yield chosen
    devices._free_gpu.cache_clear()


@pytest.mark.parametrize("allocation", ["", "7"])
def test_jobs_take_a_gpu_each_inside_an_allocation_and_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: list[int], allocation: str
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if allocation:
        monkeypatch.setenv("SLURM_JOB_ID", allocation)
    job, theirs = holder(tmp_path, "0", "1")
    assert (theirs, select("auto", 1)) == (0, torch.device("cuda", 1))
    assert chosen == [1]
    job.kill()
    job.communicate()


def test_a_job_that_slurm_gave_one_gpu_takes_it(
    monkeypatch: pytest.MonkeyPatch, chosen: list[int]
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert select("cuda", 1) == torch.device("cuda", 0)
    assert chosen == [0]


def test_a_process_that_selects_again_keeps_its_gpu(chosen: list[int]) -> None:
    assert select("cuda", 1) == select("cuda", 1, "tf32") == torch.device("cuda", 0)
    assert chosen == [0]


def test_selected_device_computes_deterministically(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = True
    select("auto", 1)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark
    # Without it cuBLAS chooses a workspace, and with it an order of summation, as it likes.
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_cuda_rounds_factors_only_for_tf32(precision: str) -> None:
    """Convolutions do by torch's default."""
    torch.backends.cudnn.allow_tf32 = True
    select("cpu", 1, precision)
    rounds = precision == "tf32"
    assert torch.backends.cuda.matmul.allow_tf32 is rounds
    assert torch.backends.cudnn.allow_tf32 is rounds
    select("cpu", 1)


def test_device_and_threads_used_are_those_selected() -> None:
    told = used(select("cpu", 1))
    assert told == {"device": "cpu", "cpu_capability": told["cpu_capability"], "threads": 1}


def test_the_instruction_set_is_the_one_that_torch_computes_with() -> None:
    words = "from flowdepth.compute.devices import *; print(used(select('cpu', 1)))"
    command = [sys.executable, "-c", words]
    plain = {**os.environ, "ATEN_CPU_CAPABILITY": "default"}
    said = subprocess.run(command, env=plain, capture_output=True, text=True, check=True).stdout
    assert "'cpu_capability': 'DEFAULT'" in said


def test_a_gpu_has_no_instruction_set() -> None:
    assert kind(torch.device("cuda", 1)) == {"device": "cuda"}


def test_two_jobs_get_a_gpu_each(tmp_path: Path) -> None:
    job, theirs = holder(tmp_path, "0", "1")
    assert {theirs, claim(["0", "1"], tmp_path)} == {0, 1}
    job.kill()
    job.communicate()


def test_gpus_of_two_allocations_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for allocation in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", allocation)
        assert claim(["0"], tmp_path, pytest.fail) == 0


def test_dead_job_frees_its_gpu(tmp_path: Path) -> None:
    job, _ = holder(tmp_path, "0")

    def told(line: str) -> None:
        assert "waiting for one of 1 GPUs" in line
        job.kill()

    assert claim(["0"], tmp_path, told) == 0
    job.communicate()


def test_gpus_have_the_names_in_cuda_visible_devices_or_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5ab,4")
    assert visible(2) == ["3", "GPU-5ab"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible(2) == ["0", "1"]


@pytest.mark.parametrize("name", ["GPU-8932f937-d72c", "MIG-GPU-8932f937/1/0", "MIG-8932f937"])
def test_a_gpu_may_have_any_name_that_cuda_gives_it(tmp_path: Path, name: str) -> None:
    job, _ = holder(tmp_path, name)
    assert claim([name, "MIG-GPU-8932f937/1/1"], tmp_path) == 1
    job.kill()
    job.communicate()
