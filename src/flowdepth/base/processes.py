"""Processes of this host, told by more than their numbers, which the system gives out again."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil

# Starts are known to a hundredth of a second.
_SAME_START = 0.005


@dataclass(frozen=True)
class Process:
    """A process of this host by its number and its start, in seconds since the host's."""

    number: int
    start: float

    @classmethod
    def this(cls) -> Process:
        """Return the process that asks."""
        return cls(os.getpid(), _start(psutil.Process()))

    def lives(self) -> bool:
        """Return whether it has not ended; one that nobody has waited for yet has."""
        try:
            found = psutil.Process(self.number)
            ended = found.status() == psutil.STATUS_ZOMBIE
            return not ended and abs(_start(found) - self.start) < _SAME_START
        except (psutil.Error, ValueError):  # no process has a number below 0
            return False


def _start(process: psutil.Process) -> float:
    # Since the epoch, it would move when the clock is set.
    return process.create_time() - psutil.boot_time()
