"""What is asked of the machine, without torch."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil

# What torch and the libraries below it say.
_NO_MEMORY = re.compile(
    "out of memory|not enough memory|allocate memory|bad_alloc|size calculation overflowed"
    "|could not create a (memory|primitive)"
)


def gpus() -> int:
    """Return how many NVIDIA GPUs the driver shows here."""
    return len([*Path("/dev").glob("nvidia[0-9]*")])


def uses_gpu(device: str) -> bool:
    """Return whether a job on ``device``, ``auto``, ``cpu`` or ``cuda``, takes a GPU."""
    return device == "cuda" or (device == "auto" and gpus() > 0)


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def free_memory() -> int:
    """Return how many bytes of memory can be had here without swapping."""
    available: int = psutil.virtual_memory().available
    return available


def lacks_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory is used up, this machine's or a GPU's.

    torch has a type of its own for the second alone.
    """
    said = isinstance(error, RuntimeError | OSError) and _NO_MEMORY.search(str(error))
    return isinstance(error, MemoryError) or bool(said)


def lives(pid: int) -> bool:
    """Return whether a process of this number runs here, be it another one than was meant."""
    try:
        os.kill(pid, 0)
    except OverflowError:  # no system gives out such a number
        return False
    except OSError as error:  # where permission is missing, there is one
        return not isinstance(error, ProcessLookupError)
    return True
