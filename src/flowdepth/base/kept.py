"""What is dear to find out and kept for the next process: facts by name in the user's cache.

Nothing depends on them: where they cannot be written, or are lost, they are found out again.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_text


def recall(name: str) -> dict[str, Any] | None:
    """Return what was kept under ``name``, or None."""
    try:
        found = json.loads(_path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def keep(name: str, facts: dict[str, Any]) -> None:
    """Keep ``facts``, which JSON can write, under ``name``."""
    with suppress(UserError):
        write_text(_path(name), json.dumps(facts))


def _path(name: str) -> Path:
    folder: Path = platformdirs.user_cache_path("flowdepth")
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()}.json"
