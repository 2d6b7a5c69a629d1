"""Locks that a process holds until it ends, in a folder that is its user's alone."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path

from flowdepth.base.errors import UserError

# Open for as long as this process lives: the system lets go of the locks of a process that dies.
_held: list[int] = []


def runtime_folder() -> Path:
    """Return the folder for what a user's processes share: nobody else can plant a file there.

    ``XDG_RUNTIME_DIR`` where it is one, else one among the temporary files, made if need be.

    Raises
    ------
    UserError
        If something else is in its place.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and _is_private(Path(given)):
        return Path(given)
    folder = Path(tempfile.gettempdir(), f"flowdepth-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _refusal(folder, f"({error.strerror})") from error
    if not _is_private(folder):
        raise _refusal(folder, "because others may write to it")
    return folder


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    alone = found.st_uid == os.getuid() and not found.st_mode & 0o077
    return stat.S_ISDIR(found.st_mode) and alone


def locked(path: Path) -> bool:
    """Lock the file ``path``, made if need be, unless another process has; return whether it is.

    Raises
    ------
    UserError
        If it cannot be opened, or is a link.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refusal(path, f"({error.strerror})") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True


def _refusal(path: Path, why: str) -> UserError:
    return UserError(
        f"{path}: cannot keep the lock of a GPU {why}; remove it, or set XDG_RUNTIME_DIR to a "
        "folder of yours that nobody else may read"
    )
