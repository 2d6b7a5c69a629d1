"""Seconds of a call."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """Return what one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
