"""How far a stage is, on a line now and then."""

from __future__ import annotations

import time

from flowdepth.base import heartbeat

_SECONDS_BETWEEN_LINES = 10


def tell(line: str) -> None:
    """Print a line, and have the heartbeat say it."""
    print(line, flush=True)
    heartbeat.says(line)


class Progress:
    """Prints how many of ``total`` are done, and the time left at the pace since the first call."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit = total, unit
        self.first: int | None = None
        self.start = self.last = time.perf_counter()

    def __call__(self, done: int, note: str = "") -> None:
        """Print a line if the last one is some time ago, or all is done."""
        now = time.perf_counter()
        if self.first is None:
            self.first, self.start = done, now
        if done == self.total or now - self.last > _SECONDS_BETWEEN_LINES:
            self.last = now
            left = (now - self.start) * (self.total - done) / max(1, done - self.first)
            tell(f"{done} of {self.total} {self.unit}  {note}{left:.0f} s left")
