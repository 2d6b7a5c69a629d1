"""How long a study takes still, by what its ended jobs took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from flowdepth.base.words import duration
from flowdepth.monitor.jobs import OPENING, Job
from flowdepth.study.layout import PACK_OUTPUTS


def seconds_left(
    took: Mapping[str, Sequence[float]], rest: Sequence[tuple[str, float]], at_once: int
) -> float | None:
    """Return about how many seconds are left; None before each stage of packs has ended once.

    Parameters
    ----------
    took
        The seconds of each ended job, by stage.
    rest
        Stage and seconds so far of each job that has not ended.
    at_once
        How many jobs run at a time.
    """
    usual = {stage: median(seconds) for stage, seconds in took.items()}
    if any(stage in PACK_OUTPUTS and stage not in usual for stage, _ in rest):
        return None
    # A stage that runs once: its own time is known too late, that of its like stands in.
    once = [seconds for stage, seconds in usual.items() if stage not in PACK_OUTPUTS]
    other = median(once) if once else 0.0
    seconds = sum(max(usual.get(stage, other) - so_far, 0.0) for stage, so_far in rest)
    return seconds / max(min(at_once, len(rest)), 1)


def left(seconds: float | None) -> str:
    """Return the time left in words, nothing where it is not known."""
    return f"about {duration(seconds)} left" if seconds is not None and seconds >= 1 else ""


def left_of(jobs: Sequence[Job], at_once: int) -> str:
    """Return the time left for the jobs of a study in words, by their logs."""
    took: dict[str, list[float]] = {}
    rest = []
    for job in jobs:
        began = _began(job.log) if job.state in ("done", "running") else None
        if job.state != "done":
            rest.append((job.rule, time.time() - began if began else 0.0))
        elif began:
            took.setdefault(job.rule, []).append(job.log.stat().st_mtime - began)
    return left(seconds_left(took, rest, at_once))


def _began(log: Path) -> float | None:
    """Return when the process that writes a log began, in seconds since the epoch."""
    try:
        # Warnings may stand before it.
        with log.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(4096).splitlines()
        found = next(filter(None, map(OPENING.fullmatch, lines)), None)
        return datetime.fromisoformat(found[1]).timestamp() if found else None
    except (OSError, ValueError):
        return None
