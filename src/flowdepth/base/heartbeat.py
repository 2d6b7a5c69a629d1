"""A small file beside a job's log, by which others see that the job runs and what it does.

The job's process writes it again every few seconds, whatever else it does meanwhile, and removes it
at its end. No job depends on it: where it cannot be written, the job goes on without.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Self

from flowdepth.base.processes import Process

VARIABLE = "FLOWDEPTH_HEARTBEAT"
"""Of the environment: the file of a stage's heartbeat."""

SECONDS = 10.0
"""Between two beats."""

# Of a process on another host, which counts as ended.
_MISSED_BEATS = 6
# However much a job says, its file is not written more often.
_SECONDS_AT_LEAST = 1.0
_beating: list[Heartbeat] = []


def beside(log: Path) -> Path:
    """Return the file of the heartbeat of the job that writes ``log``."""
    return log.with_suffix(".heartbeat.json")


def says(what: str) -> None:
    """Have the heartbeat of this process, if there is one, tell what it does now."""
    for heartbeat in _beating:
        heartbeat.says(what)


class Heartbeat:
    """Keeps the file ``path`` fresh, from a thread of its own, as long as its block runs."""

    def __init__(self, path: Path, interval: float = SECONDS) -> None:
        self.path, self.interval = path, interval
        self._partial = path.with_name(f".{path.name}.partial")
        self._news, self._end = Event(), Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)
        self.says("")

    def __enter__(self) -> Self:
        self._write()
        with suppress(RuntimeError):  # the system has no thread left
            self._thread.start()
        _beating.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _beating.remove(self)
        self._end.set()
        self._news.set()
        with suppress(RuntimeError):  # never started
            self._thread.join(self.interval)
        for path in (self._partial, self.path):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def says(self, what: str) -> None:
        """Tell what the job does now, in the words of its log."""
        self.doing, self.moved = what, datetime.now(UTC).isoformat(timespec="seconds")
        self._news.set()

    def _beat(self) -> None:
        while not self._end.wait(_SECONDS_AT_LEAST):
            self._news.wait(self.interval)
            self._news.clear()
            self._write()

    def _write(self) -> None:
        with suppress(Exception):  # whatever it is, the job has better things to do
            process = Process.this()
            facts = {
                "stage": Path(sys.argv[0]).stem,
                "process": process.number,
                "start": process.start,
                "host": platform.node(),
                "doing": self.doing,
                "moved": self.moved,
            }
            self._partial.write_text(json.dumps(facts) + "\n", encoding="utf-8")
            self._partial.replace(self.path)


@dataclass(frozen=True)
class Beat:
    """What a heartbeat's file tells.

    Attributes
    ----------
    process, host
        Which wrote it.
    doing
        What the process said last, if anything.
    written
        When, in seconds since the epoch by the clock of the file system.
    """

    process: Process
    host: str
    doing: str
    written: float

    def lives(self, now: float) -> bool:
        """Return whether the process runs still, at the time ``now`` of the file system."""
        if self.host == platform.node():
            return self.process.lives()
        return now - self.written < _MISSED_BEATS * SECONDS


def read(path: Path) -> Beat | None:
    """Return what the heartbeat in the file tells; None where there is none."""
    try:
        # Opened before its time is asked for: a network file system then looks at it again.
        with path.open(encoding="utf-8") as file:
            facts, written = json.load(file), os.fstat(file.fileno()).st_mtime
        process = Process(int(facts["process"]), float(facts["start"]))
        return Beat(process, str(facts["host"]), str(facts["doing"]), written)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clock(folder: Path) -> float:
    """Return the time by the clock that gives the files in ``folder`` theirs, else by the host's.

    In seconds since the epoch. A file server's clock need not agree with that of its clients.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:  # no folder yet, or not ours to write to
        return time.time()
