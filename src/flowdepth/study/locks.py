"""Whose Snakemake's locks are: the first line of each tells which process wrote it.

Snakemake's own locks hold the names of the locked files alone, and a killed process leaves them.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flowdepth.base.processes import Process


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock, and its host."""

    process: Process
    host: str

    @classmethod
    def this(cls) -> Holder:
        """Return the process that asks."""
        return cls(Process.this(), platform.node())

    @classmethod
    def of(cls, lock: Path) -> Holder | None:
        """Return who wrote a lock; None where it does not tell."""
        try:
            with lock.open(encoding="utf-8") as file:
                facts = json.loads(file.readline())
            return cls(Process(int(facts["process"]), float(facts["start"])), str(facts["host"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def line(self) -> str:
        """What `of` reads."""
        facts = {"process": self.process.number, "start": self.process.start, "host": self.host}
        return json.dumps(facts)

    @property
    def is_here(self) -> bool:
        """Whether this machine can tell if the process lives."""
        return self.host == platform.node()

    def __str__(self) -> str:
        return f"process {self.process.number} on {self.host}"


def release(folder: Path) -> list[Holder]:
    """Remove from Snakemake's folder the locks of ended processes of this host; return these."""
    ended = []
    for lock, holder in _holders(folder):
        if holder and holder.is_here and not holder.process.lives():
            lock.unlink(missing_ok=True)
            ended.append(holder)
    return [*dict.fromkeys(ended)]


def held_since(folder: Path, study: Path) -> float | None:
    """Return since when a process holds locks in Snakemake's folder on files of a study.

    In seconds since the epoch. None where none does; one of another host counts as living.
    """
    for lock, holder in _holders(folder):
        if holder and holder.is_here and not holder.process.lives():
            continue
        with suppress(OSError):  # let go of in the meantime
            if f"\n{study.as_posix()}/" in lock.read_text(encoding="utf-8"):
                return lock.stat().st_mtime
    return None


def refusal(folder: Path) -> str:
    """Return whose the locks are that are left in Snakemake's folder, and what to do."""
    left = [*dict.fromkeys(holder for _, holder in _holders(folder))]
    told = ", ".join(str(holder) if holder else "a process that left no name" for holder in left)
    text = f"another snakemake works on files of this study: {told}; wait for its end, then go on"
    if all(holder and holder.is_here for holder in left):
        return text
    return f"{text}. Whether it lives cannot be seen from here: if not, run `snakemake --unlock`"


def _holders(folder: Path) -> Iterator[tuple[Path, Holder | None]]:
    for lock in sorted(folder.glob("*.lock")):
        yield lock, Holder.of(lock)
