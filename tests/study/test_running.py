from __future__ import annotations

from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.base.processes import Process
from flowdepth.study.running import refuse_running
from helpers import leave_heartbeat


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs" / "train"
    folder.mkdir(parents=True)
    return folder


def test_job_at_work_is_named_with_its_process(logs: Path) -> None:
    leave_heartbeat(logs / "K2_seeds0.heartbeat.json", doing="epoch 7")
    with pytest.raises(UserError, match=r"process \d+ on .*K2_seeds0.heartbeat.json: epoch 7"):
        refuse_running(logs.parents[1])


def test_ended_jobs_and_new_studies_stand_in_nobody_s_way(logs: Path, tmp_path: Path) -> None:
    this = Process.this()
    before = Process(this.number, this.start - 9)
    leave_heartbeat(logs / "K2_seeds0.heartbeat.json", process=before)
    refuse_running(logs.parents[1])
    refuse_running(tmp_path / "new")
