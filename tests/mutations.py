"""Configurations as a slip of the keyboard or an ill will would leave them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())
Place = tuple[str | int, ...]

NUMBERS = [0, -1, 1, 2, 2**31, 2**63, 10**40, 10**400, 0.5, -0.0, 1e-320, 1e308]
NUMBERS += [float("nan"), float("inf"), float("-inf"), True, False]
WORDS = ["", " ", "null", "true", "~", "1", "1e-3", "0x10", "١٢", "nan", "-", "..", "/", "{x}"]
WORDS += [
    "{wildcards.depth}",
    "$(touch canary)",
    "a; b",
    "é\u200b🙂",
    "a\0b",
    "a\nb",
    "x" * 5000,
    "9" * 5000,
]
NAMES = ["digits", "mnist", "npz", "binarized_mnist", "normal", "none", "iwae", "path"]
SCALARS = st.one_of(
    *[st.sampled_from(values) for values in (NUMBERS, WORDS, NAMES)],
    *[st.none(), st.integers(), st.floats(), st.text(max_size=20)],
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = st.one_of(st.sampled_from(["", "depht", "Training", "model.latent", "__class__"]), st.text())


def places(node: object, here: Place = ()) -> list[Place]:
    """Every key and list element of a configuration."""
    items = node.items() if isinstance(node, dict) else ()
    items = enumerate(node) if isinstance(node, list) else items
    return [place for key, value in items for place in ((*here, key), *places(value, (*here, key)))]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The default configuration after one to four changes."""
    study = copy.deepcopy(DEFAULT)
    for _ in range(draw(st.integers(1, 4))):
        where = places(study)
        if where:
            *path, last = draw(st.sampled_from(where))
            node = study
            for step in path:
                node = node[step]
            _change(draw, node, last)
    return study


def _change(draw: st.DrawFn, node: dict | list, key: str | int) -> None:
    kind = draw(st.sampled_from(["value", "value", "value", "delete", "rename", "nest", "twice"]))
    if kind == "value":
        node[key] = draw(VALUES)
    elif kind == "nest":
        node[key] = draw(st.sampled_from([{key: node[key]}, [node[key]], {"x": {"y": node[key]}}]))
    elif kind == "twice" and isinstance(node[key], list):
        node[key] = node[key] * 2
    elif kind == "rename" and isinstance(node, dict):
        node[draw(KEYS)] = node.pop(key)
    else:
        del node[key]
