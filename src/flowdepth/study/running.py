"""Jobs of an earlier run of a study that are still at work."""

from __future__ import annotations

from pathlib import Path

from flowdepth.base import heartbeat
from flowdepth.base.errors import UserError


def refuse_running(folder: Path) -> None:
    """Stop before jobs of the study in ``folder`` are run beside themselves.

    They outlive a main process that was killed.

    Raises
    ------
    UserError
        Naming each that has a heartbeat.
    """
    logs = folder / "logs"
    now = heartbeat.clock(logs)
    beats = {path: heartbeat.read(path) for path in sorted(logs.rglob("*.heartbeat.json"))}
    alive = [
        f"  process {beat.process.number} on {beat.host}, {path.relative_to(logs)}: {beat.doing}"
        for path, beat in beats.items()
        if beat is not None and beat.lives(now)
    ]
    if alive:
        raise UserError(
            f"jobs of an earlier run of {folder} are still at work; wait for their end or stop "
            "them (kill and the number), then run again:\n" + "\n".join(alive)
        )
