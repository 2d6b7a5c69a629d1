"""How much the tests of faults do: all of it, or with ``FAULTS_QUICK`` set what takes minutes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

FEW = bool(os.environ.get("FAULTS_QUICK"))
SEED = int(os.environ.get("FAULTS_SEED", time.time_ns() % 10**6))
T = TypeVar("T")
# The fixture that keeps what a test counted; the summary at the end tells it.
Record = Callable[[str, str], None]


def some(cases: Sequence[T], number: int) -> list[T]:
    """Return all cases, or so many of them at random where there is little time."""
    if not FEW or len(cases) <= number:
        return [*cases]
    return random.Random(SEED).sample([*cases], number)
