"""What is asked of the machine, without torch."""

from __future__ import annotations

import os
from pathlib import Path

import psutil


def gpus() -> int:
    """Return how many NVIDIA GPUs the driver shows here."""
    return len([*Path("/dev").glob("nvidia[0-9]*")])


def free_memory() -> int:
    """Return how many bytes of memory can be had here without swapping."""
    available: int = psutil.virtual_memory().available
    return available


def lives(pid: int) -> bool:
    """Return whether a process of this number runs here, be it another one than was meant."""
    try:
        os.kill(pid, 0)
    except OSError as error:  # where permission is missing, there is one
        return not isinstance(error, ProcessLookupError)
    return True
