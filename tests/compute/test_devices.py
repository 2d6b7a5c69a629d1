from __future__ import annotations

import os

import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.compute.devices import select, used


def test_missing_gpu_is_a_traceback() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="set device to auto or cpu"):
        select("cuda", 1)
    assert select("auto", 1) == torch.device("cpu")


def test_jobs_share_a_gpu_but_under_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM gives a job its own devices: the first is right, whatever others hold."""
    chosen, free = [], iter([1, 0])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr("flowdepth.compute.devices.claim", lambda names: next(free))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert select("auto", 1) == torch.device("cuda", 1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert select("cuda", 1) == torch.device("cuda", 0)
    assert chosen == [1, 0]


def test_results_may_differ_between_runs(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_cuda_rounds_factors_unasked(precision: str) -> None:
    """Convolutions do by torch's default."""
    torch.backends.cudnn.allow_tf32 = True
    select("cpu", 1, precision)
    rounds = precision == "tf32"
    assert torch.backends.cuda.matmul.allow_tf32 is rounds
    assert torch.backends.cudnn.allow_tf32 is rounds
    select("cpu", 1)


def test_job_is_told_of_another_number_of_threads() -> None:
    assert used(select("cpu", 1)) == {"device": "cpu", "threads": 1}
