"""Words for a terminal: tables, what others wrote, and characters that it lacks."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

_MOST = 200


def plain(text: str) -> str:
    """Return a text that no terminal takes for more: other than printed characters are escaped.

    Of a long one the beginning.
    """
    shown = text if text.isprintable() else repr(text)
    return shown if len(shown) <= _MOST else f"{shown[:_MOST]}..."


def duration(seconds: float) -> str:
    """Return a time as people say it, such as ``2 h 5 min`` or ``48 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of equal length as lines, the first column to the left, all others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def reason(error: BaseException) -> str:
    """Return what an exception says, or what it is called."""
    return plain(" ".join(str(error).split())) or type(error).__name__


def escape_output() -> None:
    """Have what is printed escape the characters that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
