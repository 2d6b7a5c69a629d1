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
