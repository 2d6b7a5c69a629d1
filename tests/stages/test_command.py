from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowdepth.stages.command import INTERRUPTED

STOPPED = """
from flowdepth.base.errors import StoppedError
from flowdepth.stages.command import run

def stage():
    raise StoppedError("SIGTERM: saved")

run(stage)
"""
SCONTROL = "#!/bin/sh\necho scontrol $@\nexit {code}\n"


def started(**environment: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", STOPPED]
    environment = {**os.environ, **environment}
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def job(folder: Path, code: int) -> dict[str, str]:
    """Environment of a SLURM job that requeues itself; ``scontrol`` exits with ``code``."""
    scontrol = folder / "scontrol"
    scontrol.write_text(SCONTROL.format(code=code))
    scontrol.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {"SLURM_JOB_ID": "77", "FLOWDEPTH_REQUEUE": "1", "PATH": path}


def test_a_stopped_stage_exits_with_a_code_of_its_own() -> None:
    with started(SLURM_JOB_ID="77") as stage:
        assert stage.communicate()[0].splitlines()[1:] == ["SIGTERM: saved"]
    assert stage.returncode == INTERRUPTED == 75


def test_a_closed_log_changes_no_exit_code() -> None:
    with started() as stage:
        assert stage.stdout is not None
        stage.stdout.close()
    assert stage.returncode == INTERRUPTED


def test_a_requeued_job_waits_for_its_end(tmp_path: Path) -> None:
    with started(**job(tmp_path, 0)) as stage:
        assert stage.stdout is not None
        lines = [stage.stdout.readline() for _ in range(4)]
        assert lines[2:] == ["asking SLURM to requeue job 77\n", "scontrol requeue 77\n"]
        with pytest.raises(subprocess.TimeoutExpired):
            stage.wait(0.3)
        stage.kill()
    assert stage.returncode == -signal.SIGKILL


def test_a_job_with_a_closed_log_is_requeued(tmp_path: Path) -> None:
    environment = job(tmp_path, 0)
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\necho $@ > {tmp_path}/asked\nexit 1\n")
    with started(**environment) as stage:
        assert stage.stdout is not None
        stage.stdout.close()
    assert (tmp_path / "asked").read_text() == "requeue 77\n"


def test_a_job_that_cannot_be_requeued_exits_at_once(tmp_path: Path) -> None:
    with started(**job(tmp_path, 1)) as stage:
        pass
    assert stage.returncode == INTERRUPTED
    (tmp_path / "scontrol").unlink()
    with started(**job(tmp_path, 0) | {"PATH": str(tmp_path / "none")}) as stage:
        pass
    assert stage.returncode == INTERRUPTED
