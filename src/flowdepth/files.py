"""Files that appear whole under their final name, or not at all."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flowdepth.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary neighbour of ``path`` to write; rename it to ``path`` when all went well.

    Raises
    ------
    UserError
        If the disk refuses the file: full, read-only or without permission.
    """
    partial = path.with_name(f"{_start(path)}{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield partial
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(
            f"{path}: could not be written ({error.strerror or error}); "
            "make room or grant write permission, then run again"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, if it is there, and what killed processes left of it."""
    path.unlink(missing_ok=True)
    _remove_leftovers(path)


def _start(path: Path) -> str:
    """Return how the names of this machine's partial files of ``path`` start."""
    return f".{path.name}.{socket.gethostname()}."


def _remove_leftovers(path: Path) -> None:
    start = _start(path)
    for leftover in path.parent.glob(f"{start}*.partial*"):
        pid = leftover.name.removeprefix(start).partition(".")[0]
        if not _lives(int(pid)):
            leftover.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def digest(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
