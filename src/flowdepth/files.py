"""Files that appear whole under their final name, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flowdepth.errors import UserError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_FOLDER = (errno.ENOTDIR, errno.EEXIST)


@contextmanager
def whole_file(path: Path, size: int = 0) -> Iterator[Path]:
    """Give a temporary neighbour of ``path`` to write; rename it to ``path`` when all went well.

    ``size`` is the file's in bytes, where it is known, for what is said when the disk is full.

    Raises
    ------
    UserError
        If the disk refuses the file: full, read-only, without permission or without a folder.
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
        raise UserError(_refusal(error, path, size, partial)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _refusal(error: OSError, path: Path, size: int, partial: Path) -> str:
    """Return why ``path`` could not be written, what it needs, and how to give it that."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    need = "see to it"
    if error.errno in _NO_ROOM:
        written = partial.stat().st_size if partial.exists() else 0
        free = shutil.disk_usage(folder).free + written
        needed = f"{size:,}" if size else f"more than {written:,}"
        need = f"it needs {needed} bytes where {free:,} are free: make room or raise the limit"
    elif error.errno in _NO_PERMISSION:
        need = f"it needs permission to write in {folder}: grant it, or mount that writable"
    elif error.errno in _NO_FOLDER and not folder.is_dir():
        need = f"it needs a folder where the file {folder} is: move that away"
    return f"{path}: could not be written ({error.strerror or error}); {need}, then run again"


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


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with whole_file(path, len(content)) as partial:
        partial.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    write_bytes(path, text.encode())


def digest(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
