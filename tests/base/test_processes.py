from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from flowdepth.base.processes import Process


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A process that has started and waits."""
    code = "print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def told(process: subprocess.Popen[str]) -> Process:
    seen = psutil.Process(process.pid)
    return Process(process.pid, seen.create_time() - psutil.boot_time())


def test_a_running_process_lives(child: subprocess.Popen[str]) -> None:
    assert Process.this().number == os.getpid()
    assert Process.this().lives()
    assert told(child).lives()


def test_a_process_that_was_given_the_number_of_an_ended_one_is_another() -> None:
    this = Process.this()
    for earlier in (0.01, 60):
        assert not replace(this, start=this.start - earlier).lives()


def test_a_killed_process_is_dead_before_its_parent_has_waited_for_it(
    child: subprocess.Popen[str],
) -> None:
    process = told(child)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.pid_exists(child.pid)
    assert not process.lives()
    child.wait()
    assert not process.lives()


def test_setting_the_clock_leaves_a_process_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    this, booted, created = Process.this(), psutil.boot_time(), psutil.Process().create_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: booted + 3600)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created + 3600)
    assert this.lives()


@pytest.mark.parametrize("number", [-1, 999_999_999, 2**70])
def test_a_number_that_no_process_can_have_is_dead(number: int) -> None:
    assert not Process(number, 0.0).lives()
