"""Images in a text, one a line: a value for each pixel, and perhaps a label."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd

from flowdepth.data.own.roles import LABELS, words_of


def columns(content: bytes) -> dict[str, np.ndarray]:
    """Return the images [N, P] and, where there is a column for them, the labels [N].

    The label's column has its name in the first line; where that has no names, it is the first
    column, if without it the images are square and with it they are not.
    """
    table = pd.read_csv(io.BytesIO(content), header=0 if _has_names(content) else None)
    label = _label(table)
    images = table if label is None else table.drop(columns=label)
    arrays = {"images": images.to_numpy()}
    return arrays if label is None else {**arrays, "labels": table[label].to_numpy()}


def _has_names(content: bytes) -> bool:
    first = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    return not any(_is_number(word) for word in first.split(","))


def _is_number(word: str) -> bool:
    try:
        float(word.strip().strip('"'))
    except ValueError:
        return False
    return True


def _label(table: pd.DataFrame) -> object:
    named = [name for name in table if isinstance(name, str) and {*words_of(name)} & LABELS]
    if named:
        return named[0]
    count = table.shape[1]
    unnamed = not isinstance(table.columns[0], str)
    return table.columns[0] if unnamed and _square(count - 1) and not _square(count) else None


def _square(number: int) -> bool:
    return number > 0 and math.isqrt(number) ** 2 == number
