"""Files as published: their sums, and what is in them, up to the size it should have."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path

from flowdepth.base.errors import UserError

_NAMES = {"md5": "MD5", "sha256": "SHA-256"}


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
        raise UserError(f"{path}: damaged ({error}); fetch it again") from error


def check_sum(
    path: Path, file: io.BytesIO | io.BufferedReader, algorithm: str, expected: str
) -> None:
    """Compare the content of ``file``, which is from ``path``, with its sum.

    ``algorithm`` is ``md5``, by which the files are published, or ``sha256``.

    Raises
    ------
    UserError
        If it has another sum.
    """
    found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False))
    if found.hexdigest() != expected:
        raise UserError(
            f"{path}: found {_NAMES[algorithm]} sum {found.hexdigest()}, expected {expected}; the "
            "file is damaged or another one: fetch it again"
        )
