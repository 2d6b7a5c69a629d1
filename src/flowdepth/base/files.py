"""Files that appear whole under their final name, or not at all."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flowdepth.base.errors import UserError
from flowdepth.base.machine import lives

if TYPE_CHECKING:
    import pandas as pd

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_FOLDER = (errno.ENOTDIR, errno.EEXIST)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to a temporary neighbour of ``path``, then rename that to ``path``.

    Raises
    ------
    UserError
        If the disk refuses the file: full, read-only, without permission or without a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        _write(path, content)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(_refusal(error, path, len(content))) from error


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{_start(path)}{os.getpid()}.partial{path.suffix}")
    try:
        with partial.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    write_bytes(path, text.encode())


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index as CSV or Parquet, by the suffix of ``path``."""
    if path.suffix == ".parquet":
        write_bytes(path, frame.to_parquet(index=False))
    else:
        write_text(path, frame.to_csv(index=False))


def _refusal(error: OSError, path: Path, size: int) -> str:
    """Return why ``path`` could not be written, what it needs, and how to give it that."""
    folder = next(parent for parent in path.absolute().parents if _exists(parent))
    need = "see to it"
    if error.errno in NO_ROOM:
        free = shutil.disk_usage(folder).free
        need = f"it needs {size:,} bytes where {free:,} are free: make room or raise the limit"
    elif error.errno in _NO_PERMISSION:
        need = f"it needs permission to write in {folder}: grant it, or mount that writable"
    elif path.is_dir():
        need = "it needs a file where this folder is: move that away"
    elif error.errno in _NO_FOLDER and not folder.is_dir():
        need = f"it needs a folder where the file {folder} is: move that away"
    return f"{path}: could not be written ({error.strerror or error}); {need}, then run again"


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except OSError:  # also where a folder above may not be searched
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file, if it is there, and what killed processes left of it."""
    path.unlink(missing_ok=True)
    _remove_leftovers(path)


def _start(path: Path) -> str:
    """Return how the names of this machine's partial files of ``path`` start."""
    return f".{path.name}.{socket.gethostname()}."


def _remove_leftovers(path: Path) -> None:
    name = re.compile(rf"{re.escape(_start(path))}([0-9]+)\.partial{re.escape(path.suffix)}")
    for leftover in path.parent.glob(".*.partial*"):
        found = name.fullmatch(leftover.name)
        if found and not lives(int(found[1])):
            with suppress(OSError):  # a folder of such a name is none of ours
                leftover.unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other process that asks for it out of a folder, which is made, in the block.

    The system lets go of the lock of a process that dies. A file system that knows no locks keeps
    nobody out.

    Raises
    ------
    UserError
        If another process is in its block, or the disk refuses the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UserError(_refusal(error, folder, 0)) from error
    try:
        with suppress(OSError):
            _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"{folder}: another process writes its results there; wait for its end, or give "
            "another folder"
        ) from None


def digest(path: Path) -> str:
    """Return the SHA-256 sum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
