from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from flowdepth.devices import Cost, select
from flowdepth.errors import UserError


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
    monkeypatch.setattr("flowdepth.devices.claim", lambda names: next(free))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert select("auto", 1) == torch.device("cuda", 1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert select("cuda", 1) == torch.device("cuda", 0)
    assert chosen == [1, 0]


def test_results_may_differ_between_runs() -> None:
    select("auto", 1)
    assert torch.are_deterministic_algorithms_enabled()


def test_cost_is_not_measured(tmp_path: Path) -> None:
    cost = Cost(select("cpu", 1))
    cost.write(tmp_path / "cost.json")
    facts = json.loads((tmp_path / "cost.json").read_text())
    assert facts["device"] == "cpu (1 thread)"
    assert facts["seconds"] >= 0
    assert facts["peak_memory_mb"] > 50
