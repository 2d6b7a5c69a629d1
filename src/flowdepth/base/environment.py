"""What a job runs on: the code's commit, the packages and the process."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from typing import Any

from flowdepth.base.errors import UserError

SOURCE = Path(__file__).parents[1]


def home() -> Path:
    """Return the folder with the Snakefile: of the clone, or of what the wheel has installed.

    Raises
    ------
    UserError
        If this code was installed without it.
    """
    clone = SOURCE.parents[1]
    if (clone / "Snakefile").exists():
        return clone
    for file in files("flowdepth") or []:
        if file.name == "Snakefile":
            return Path(str(file.locate())).resolve().parent
    raise UserError(
        f"{SOURCE}: found no Snakefile that belongs to it, expected one from flowdepth's wheel or "
        "its clone; install it again with pip"
    )


def git(folder: Path = SOURCE) -> dict[str, Any] | None:
    """Return commit, its date, and whether tracked files outside results/ differ from it.

    None where ``folder``, by default that of this code, has no file in a repository or git is not
    there.
    """
    outside_results = ("--untracked-files=no", "--", ":(top)", ":(top,exclude)results")
    try:
        if not _git(folder, "ls-files"):  # installed into a folder of somebody's repository
            return None
        commit, date = _git(folder, "log", "-1", "--no-show-signature", "--format=%H %cI").split()
        changes = _git(folder, "status", "--porcelain", *outside_results)
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "date": date, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    # Variables such as GIT_DIR name another repository than the folder's.
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def versions(*packages: str) -> dict[str, str | None]:
    """Return the version of Python and those of the packages, None for one that is not there."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def peak_memory_mb() -> float:
    """Return the most memory that this process has held at once."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)
