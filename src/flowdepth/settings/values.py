"""The kinds of values that settings have, and how they are read from a command line."""

from __future__ import annotations

import os
import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from flowdepth.base.words import plain

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_WORDS = {"null": None, "true": True, "false": False}


def from_command_line(value: object) -> object:
    """Read numbers, truth and null, which reach us as text where ``--config`` nests them.

    Not 010, which is 8 where YAML reads it.
    """
    if not isinstance(value, str):
        return value
    return int(value) if re.fullmatch(r"[+-]?(0|[1-9][0-9]*)", value) else _WORDS.get(value, value)


def _on_a_line(text: str) -> str:
    """Refuse what breaks a line, moves a cursor or turns the direction of reading."""
    unseen = _UNSEEN.search(text)
    if unseen:
        raise ValueError(
            f"found {plain(text)}, whose character {unseen[0]!a} breaks the line, moves the cursor "
            "or turns the direction of reading; take it out"
        )
    return text


def _expanded(path: str) -> str:
    """Return a path with home folders and variables of the environment, as a shell reads it."""
    names = (name.strip("{}") for name in re.findall(r"\$(\w+|\{[^}]+\})", path, re.ASCII))
    unset = sorted(map(plain, {*names} - os.environ.keys()))
    if unset:
        raise ValueError(f"names {', '.join(unset)}, which is not in the environment; write it out")
    # pathlib takes the folder ./~ for the home folder.
    found = os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111
    if path.startswith("~") and found.startswith("~"):
        raise ValueError(f"{plain(path.split('/')[0])} is nobody's home folder; write it out")
    return found


Flag = Annotated[bool, Strict(), BeforeValidator(from_command_line)]
# A C int: what sizes and counts fit into, whatever reads them.
Whole = Annotated[int, Strict(), BeforeValidator(from_command_line), Field(le=2**31 - 1)]
Count = Annotated[Whole, Field(ge=1)]
_Value = TypeVar("_Value")
Optional = Annotated[_Value | None, BeforeValidator(from_command_line)]
OptionalCount = Optional[Count]
Index = Annotated[Whole, Field(ge=0)]
Depth = Annotated[Whole, Field(ge=0, le=10_000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
# What a path and the words of a command cannot hold, and the longest of both on Linux.
Location = Annotated[
    str, Field(min_length=1, max_length=4095, pattern=r"^[^\x00]*$"), AfterValidator(_expanded)
]
Line = Annotated[str, Field(max_length=200), AfterValidator(_on_a_line)]
Sentence = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_on_a_line)]
