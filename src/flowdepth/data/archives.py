"""Files as published: their MD5 sums, and what is in them, up to the size it should have."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path

from flowdepth.base.errors import UserError


def unpacked(path: Path, most: int) -> bytes:
    """Return a file's content, decompressed where its name ends in ``.gz``.

    Of a content longer than ``most`` bytes no more than shows that it is: ``most + 1`` bytes.

    Raises
    ------
    UserError
        If the file cannot be read or decompressed.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            return file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and fetch it again") from error


def check_md5(path: Path, file: io.BytesIO | io.BufferedReader, expected: str) -> None:
    """Compare the content of ``file``, which is from ``path``, with its published MD5 sum.

    Raises
    ------
    UserError
        If it has another sum.
    """
    found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != expected:
        raise UserError(
            f"{path}: found MD5 sum {found}, expected {expected}; the file is damaged or another "
            "one: fetch it again"
        )
