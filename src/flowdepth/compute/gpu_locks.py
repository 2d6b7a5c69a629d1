"""One job a GPU: Snakemake counts GPUs but does not hand them out."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_FOLDER = Path(tempfile.gettempdir())
_SECONDS_BETWEEN_TRIES = 1.0
# Open for as long as this process lives: the system lets go of the locks of a process that dies.
_held: list[IO[str]] = []


def visible(count: int) -> list[str]:
    """Return the names of the ``count`` GPUs that this process may use, in the order of CUDA's."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    return names.split(",")[:count] if names else [str(index) for index in range(count)]


def claim(names: Sequence[str], folder: Path = _FOLDER, log: Callable[[str], None] = print) -> int:
    """Return the place in ``names`` of a GPU that no other job of this user's has, now locked.

    Waits until there is one. In an allocation of SLURM the names are its own: on one node, several
    allocations may each call a GPU of theirs 0.
    """
    owner = f"{os.getuid()}-{os.environ.get('SLURM_JOB_ID', 'local')}"
    waiting = False
    while True:
        for index, name in enumerate(names):
            if _lock(folder / f"flowdepth-{owner}-gpu{name}.lock"):
                return index
        if not waiting:
            log(f"waiting for one of {len(names)} GPUs: other jobs have them all")
            waiting = True
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _lock(path: Path) -> bool:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True
