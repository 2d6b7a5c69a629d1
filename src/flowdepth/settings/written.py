"""What a configuration's text says, as far as YAML would read it otherwise than it was meant.

YAML keeps the last of two equal keys, takes 010 for 8 and 1:30 for 90, and lets a few lines with
aliases stand for more values than a memory holds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from flowdepth.base.errors import UserError
from flowdepth.base.words import plain, reason

# Values of a configuration, those that stand for others written out.
_MOST = 100_000
_OCTAL = re.compile(r"[-+]?0[0-7_]+")


def check_file(path: Path) -> None:
    """Read a configuration as `read` does, if it is there, for its mistakes alone.

    Raises
    ------
    UserError
        As `read`, and if the file is no text.
    """
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: found no text in UTF-8 ({error}); save it as that") from None
    # Snakemake reads JSON too, which may be indented by tabs.
    read(text.replace("\t", " "), str(path))


def read(text: str, where: str) -> Any:  # noqa: ANN401
    """Return what a text in YAML says, which is from ``where``.

    Raises
    ------
    UserError
        If it is no YAML, or holds a key twice, a number in base 8 or 60 or aliases without end.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if root is not None:
            _Check(where).size(root)
        return yaml.safe_load(text)
    except RecursionError:
        raise UserError(f"{where}: found values nested too deeply; nest them less") from None
    except (yaml.YAMLError, ValueError) as error:  # such as a 13th month
        raise UserError(f"{where}: found no YAML ({reason(error)}); correct it") from None


class _Check:
    """A walk through the nodes of a text, each of which it enters once."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._sizes: dict[yaml.Node, int] = {}

    def size(self, node: yaml.Node) -> int:
        """Return of how many values a node consists, once it is found in order."""
        if node not in self._sizes:
            self._sizes[node] = _MOST + 1  # of one that contains itself
            self._sizes[node] = 1 + sum(map(self.size, self._parts(node)))
        if self._sizes[node] > _MOST:
            raise self._refusal(node, f"aliases make more than {_MOST:,} values; write them out")
        return self._sizes[node]

    def _parts(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.MappingNode):
            self._check_keys(node)
            return [part for pair in node.value for part in pair]
        if isinstance(node, yaml.ScalarNode):
            self._check_number(node)
            return []
        return list(node.value)

    def _check_keys(self, node: yaml.MappingNode) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                raise self._refusal(
                    key,
                    f"the key {plain(key.value)} is given twice, first on line {lines[key.value]}; "
                    "put the two together",
                )
            lines[key.value] = _line(key)

    def _check_number(self, node: yaml.ScalarNode) -> None:
        if node.tag.rpartition(":")[2] not in ("int", "float"):
            return
        if ":" in node.value or _OCTAL.fullmatch(node.value):
            base = 60 if ":" in node.value else 8
            raise self._refusal(
                node,
                f"found {plain(node.value)}, which YAML reads in base {base}; write a number "
                "without zeros before it, a text in quotes",
            )

    def _refusal(self, node: yaml.Node, what: str) -> UserError:
        return UserError(f"{self._where}, line {_line(node)}: {what}")


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
