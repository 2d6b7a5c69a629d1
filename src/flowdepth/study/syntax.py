"""A hash of what Python code does, the same under every version of Python from 3.11 on.

`ast.dump` differs between them: in the fields that a node has, in those it leaves out, and in how
the text of an f-string is cut up.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

_SILENT = {"ctx", "kind"}  # fields that say nothing beyond the others


def syntax_hash(source: str) -> str:
    """Return a hash of the syntax tree of ``source``, 12 hexadecimal digits.

    Comments, docstrings and layout do not count, nor does what is said when something is raised.

    Raises
    ------
    SyntaxError
        If ``source`` is not Python.
    """
    text = _written(ast.parse(source))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]


def _written(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, ast.AST):
        return f"{type(value).__name__}({','.join(_fields(value))})"
    # Never repr: which characters it escapes depends on the version's Unicode tables.
    return f"{type(value).__name__}:{value!a}"


def _fields(node: ast.AST) -> Iterator[str]:
    """Write the fields that are not empty, for later versions have more of them.

    Each with its name, so that no two programs are written alike.
    """
    for name in sorted(set(node._fields) - _SILENT):
        value = getattr(node, name, None)
        if name == "body" and isinstance(value, list) and value and _is_docstring(value[0]):
            value = value[1:]
        if isinstance(node, ast.Raise) and isinstance(value, ast.Call):
            value = value.func
        if isinstance(node, ast.JoinedStr):
            value = list(_joined(node.values))
        if value is not None and value != []:
            yield f"{name}={_written(value)}"


def _joined(parts: list[ast.expr]) -> Iterator[ast.expr]:
    """Join neighbouring texts of an f-string and leave out empty ones."""
    for are_texts, group in groupby(parts, _is_text):
        if not are_texts:
            yield from group
        elif text := "".join(ast.literal_eval(part) for part in group):
            yield ast.Constant(text)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and _is_text(node.value)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
