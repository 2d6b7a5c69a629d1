"""Mistakes in a configuration, in words that tell how to fix them."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from flowdepth.settings.values import from_command_line

_MOST_SHOWN = 100


def describe(details: ErrorDetails, root: type[BaseModel]) -> str:
    """Return the line of one mistake in the settings of ``root``."""
    parts = [str(part) for part in details["loc"]]
    path = ".".join(part if part.isprintable() and part.strip() else repr(part) for part in parts)
    where = f"{path}: " if path else ""
    if details["type"] == "extra_forbidden":
        return f"{where}unknown key{_suggestion(details['loc'], root)}"
    if details["type"] == "missing":
        return f"{where}missing; add it to the configuration"
    if details["type"] == "value_error":
        return where + details["msg"].removeprefix("Value error, ")
    if details["type"] == "tuple_type":
        return f"{where}found {shown(details['input'])}, expected a list, such as {path}='[0, 8]'"
    if details["type"] in ("model_type", "model_attributes_type"):
        known = ", ".join(_section_at(details["loc"], root).model_fields)
        example = f"{path}='{{key: value}}'"
        return (
            f"{where}found {shown(details['input'])}, expected keys and values as in {example}, "
            f"of the keys {known}"
        )
    expected = details["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return f"{where}found {shown(details['input'])}, expected {expected}"


def shown(value: object) -> str:
    """Return a value as it would be written, shortened to a readable length."""
    try:
        text = repr(from_command_line(value))
    except ValueError:  # Python writes no integer of more than 4300 digits, nor reads one
        return "a number of more than 4300 digits"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text)} characters)"


def _suggestion(path: tuple[int | str, ...], root: type[BaseModel]) -> str:
    known = list(_section_at(path[:-1], root).model_fields)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    listing = f"known here: {', '.join(known)}"
    return f"; did you mean {near[0]}? ({listing})" if near else f"; {listing}"


def _section_at(path: tuple[int | str, ...], root: type[BaseModel]) -> type[BaseModel]:
    found: Any = root
    for part in path:
        listed = isinstance(part, int)
        found = get_args(found)[0] if listed else found.model_fields[part].annotation
    section: type[BaseModel] = found
    return section
