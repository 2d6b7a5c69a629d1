from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import psutil
import pytest

from flowdepth.base import heartbeat
from flowdepth.base.heartbeat import Heartbeat, beside, clock, read
from flowdepth.base.processes import Process
from helpers import leave_heartbeat

BEATING = """
import sys, time
from pathlib import Path
from flowdepth.base.heartbeat import Heartbeat
with Heartbeat(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(heartbeat, "_SECONDS_AT_LEAST", 0.01)
    return beside(tmp_path / "train.log")


def soon(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_heartbeat_lasts_as_long_as_its_block(path: Path) -> None:
    with Heartbeat(path):
        beat = read(path)
        assert beat is not None
        assert beat.process == Process.this()
        assert beat.lives(time.time())
    assert not list(path.parent.iterdir())


def test_a_block_that_fails_ends_its_heartbeat(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Heartbeat(path):
        _ = 1 / 0
    assert not list(path.parent.iterdir())


def test_what_a_job_says_is_in_the_file_soon(path: Path) -> None:
    with Heartbeat(path):
        heartbeat.says("epoch 3  0:09 left")
        soon(lambda: read(path).doing == "epoch 3  0:09 left")
    heartbeat.says("nobody listens")


def test_a_job_that_says_nothing_keeps_its_file_fresh_and_makes_it_again(path: Path) -> None:
    with Heartbeat(path, interval=0.01):
        os.utime(path, (0, 0))
        soon(lambda: read(path).written > 0)
        path.unlink()
        soon(path.exists)


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def no_thread(thread: Thread) -> None:
    raise RuntimeError("can't start new thread")


def no_process() -> None:
    raise psutil.AccessDenied


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (Path, "write_text", full),
        (Path, "unlink", full),
        (Thread, "start", no_thread),
        (psutil, "boot_time", no_process),
    ],
)
def test_a_heartbeat_that_cannot_be_kept_leaves_the_job_alone(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    fault: Callable[..., None],
) -> None:
    monkeypatch.setattr(owner, name, fault)
    with Heartbeat(path, interval=0.01) as beating:
        beating.says("epoch 3")
        time.sleep(0.05)


@pytest.mark.parametrize("place", ["none/train.log", "file/train.log"])
def test_a_heartbeat_without_a_folder_leaves_the_job_alone(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with Heartbeat(beside(tmp_path / place)):
        assert read(beside(tmp_path / place)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_file_that_a_killed_process_leaves_is_dead_at_once(path: Path) -> None:
    words = [sys.executable, "-c", BEATING, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as job:
        job.stdout.readline()
        assert read(path).lives(time.time())
        job.send_signal(signal.SIGKILL)
    assert not read(path).lives(time.time())


def test_a_process_of_the_same_number_does_not_keep_a_heartbeat_alive(path: Path) -> None:
    this = Process.this()
    leave_heartbeat(path, process=replace(this, start=this.start - 60))
    assert not read(path).lives(time.time())


@pytest.mark.parametrize(("silent", "lives"), [(0, True), (59, True), (61, False)])
def test_a_process_on_another_host_lives_until_six_beats_are_missing(
    path: Path, silent: float, lives: bool
) -> None:
    leave_heartbeat(path, host="elsewhere")
    beat = read(path)
    assert beat.lives(beat.written + silent) is lives


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"process": "x"}', b'{"process": null}']
)
def test_a_damaged_file_is_no_heartbeat(path: Path, content: bytes) -> None:
    assert read(path) is None
    path.write_bytes(content)
    assert read(path) is None


def test_time_is_told_by_the_clock_of_the_file_system_where_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "now").touch()
    monkeypatch.setattr(time, "time", lambda: 7.0)
    assert abs(clock(tmp_path) - (tmp_path / "now").stat().st_mtime) < 60
    assert clock(tmp_path / "none") == 7
    assert [path.name for path in tmp_path.iterdir()] == ["now"]
