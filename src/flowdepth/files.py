"""Files that appear whole under their final name, or not at all."""

from __future__ import annotations

import os
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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: could not be written ({error.strerror or error}); "
            "make room or grant write permission, then run again"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
