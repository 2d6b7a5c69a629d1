from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.stages import command
from flowdepth.stages.command import INTERRUPTED

STOPPED = """
from flowdepth.base.errors import StoppedError
from flowdepth.stages.command import run

def stage():
    raise StoppedError("SIGTERM: saved")

run(stage)
"""
BEATING = """
import sys, time
from pathlib import Path
from flowdepth.base.errors import StoppedError, UserError
from flowdepth.base.heartbeat import read
from flowdepth.stages.command import run
from flowdepth.stages.pack import tell

def stage():
    tell("epoch 3  0:09 left")
    path = Path(sys.argv[1])
    for _ in range(600):
        beat = read(path)
        if beat is None or beat.doing:
            print(beat.doing if beat else "no heartbeat", flush=True)
            break
        time.sleep(0.05)
    {end}

run(stage)
"""
SCONTROL = "#!/bin/sh\necho scontrol $@\nexit {code}\n"


def started(**environment: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", STOPPED]
    environment = {**os.environ, **environment}
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def beating(path: Path, end: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a stage that prints what its heartbeat in ``path`` says."""
    words = [sys.executable, "-c", BEATING.format(end=end), str(path)]
    environment = {**os.environ, **environment}
    return subprocess.run(words, capture_output=True, text=True, env=environment)


def job(folder: Path, code: int) -> dict[str, str]:
    """Environment of a SLURM job that requeues itself; ``scontrol`` exits with ``code``."""
    scontrol = folder / "scontrol"
    scontrol.write_text(SCONTROL.format(code=code))
    scontrol.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {"SLURM_JOB_ID": "77", "FLOWDEPTH_REQUEUE": "1", "PATH": path}


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("MemoryError()", "error: this needs more memory than there is (MemoryError); free it"),
        (
            "RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')",
            "than there is (DefaultCPU",
        ),
        ("UserError('é ☃')", r"error: \xe9 \u2603"),
    ],
)
def test_a_lack_of_memory_and_a_mistake_are_said_to_any_terminal(failure: str, words: str) -> None:
    code = STOPPED.replace("import Stopped", "import UserError, Stopped")
    code = code.replace('StoppedError("SIGTERM: saved")', failure)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, words in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("end", "code"),
    [("return", 0), ("raise UserError", 1), ("raise StoppedError", 75), ("raise OSError", 1)],
)
def test_a_stage_has_a_heartbeat_until_it_ends_in_any_way(
    tmp_path: Path, end: str, code: int
) -> None:
    path = tmp_path / "train.heartbeat.json"
    done = beating(path, end, FLOWDEPTH_HEARTBEAT=str(path))
    assert done.stdout.splitlines()[1:3] == ["epoch 3  0:09 left"] * 2
    assert done.returncode == code
    assert not list(tmp_path.iterdir())


def test_a_heartbeat_is_there_before_the_log_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job with an open log and no heartbeat has ended."""
    path, seen = tmp_path / "train.heartbeat.json", []
    monkeypatch.setenv("FLOWDEPTH_HEARTBEAT", str(path))
    monkeypatch.setattr(command, "_open_log", lambda: seen.append(path.exists()))
    command.run(lambda: None)
    assert seen == [True]
    assert not path.exists()


def test_a_stage_needs_no_heartbeat_and_no_room_for_one(tmp_path: Path) -> None:
    path = tmp_path / "none" / "train.heartbeat.json"
    for environment in ({}, {"FLOWDEPTH_HEARTBEAT": str(path)}, {"FLOWDEPTH_HEARTBEAT": ""}):
        done = beating(path, "return", **environment)
        assert done.stdout.splitlines()[1:] == ["epoch 3  0:09 left", "no heartbeat"]
        assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


def test_a_stopped_stage_exits_with_a_code_of_its_own() -> None:
    with started(SLURM_JOB_ID="77") as stage:
        assert stage.communicate()[0].splitlines()[1:] == ["SIGTERM: saved"]
    assert stage.returncode == INTERRUPTED == 75


def test_a_stage_with_nothing_to_save_is_interrupted_without_a_traceback() -> None:
    code = STOPPED.replace('StoppedError("SIGTERM: saved")', "KeyboardInterrupt")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == ["SIGINT: nothing to save; run again"]
    assert (done.returncode, done.stderr) == (INTERRUPTED, "")


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


@pytest.mark.parametrize("told", [True, False])
def test_what_a_full_disk_keeps_out_of_the_log_is_said_in_the_terminal(
    monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def stage() -> None:
        if not told:
            raise full
        try:
            raise full
        except OSError:
            raise UserError("a.csv: could not be written") from None

    reading, writing = os.pipe()
    monkeypatch.setenv("FLOWDEPTH_TERMINAL", str(writing))
    with pytest.raises(SystemExit, match="could not be written") as left:
        command.guarded(stage)
    os.close(writing)
    with os.fdopen(reading) as terminal:
        assert terminal.read() == f"{left.value}\n"


def test_another_mistake_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("FLOWDEPTH_TERMINAL", str(writing))

    def stage() -> None:
        raise UserError("a.csv: damaged")

    with pytest.raises(SystemExit, match="damaged"):
        command.guarded(stage)
    os.close(writing)
    with os.fdopen(reading) as terminal:
        assert terminal.read() == ""
