"""Ways in which a file can be damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def flip(content: bytes) -> bytes:
    """Return the content with one bit of its middle byte flipped."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[:-1],
    "flipped": flip,
    "emptied": lambda content: b"",
}


def swap(first: Path, second: Path) -> None:
    """Exchange the contents of two files, which get new modification times."""
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)


def unnoticed(path: Path, content: bytes, provenance: Path) -> None:
    """Replace the content of a file; leave it the modification time of its job's provenance."""
    path.write_bytes(content)
    written = provenance.stat().st_mtime_ns
    os.utime(path, ns=(written, written))
