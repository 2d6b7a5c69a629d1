"""Which array of a file is what: the images, a split of them, or labels."""

from __future__ import annotations

import re
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.base.words import plain
from flowdepth.data.own.formats import Arrays
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.sections import Arrays as Given

LABELS = {"labels", "label", "y", "target", "targets", "classes", "class"}
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "t10k"), "test"),
}
_IMAGES = {"images", "image", "imgs", "x", "data", "pixels", "arr"}
_FILLERS = {"0", "idx", "idx1", "idx3", "ubyte", "npy"}
_EXPECTED = "images, or train and test"
_NAMED = 10  # arrays of a file, at most


def words_of(name: str) -> list[str]:
    """Return the words of a name, in small letters."""
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def split_of(name: str) -> str:
    """Return the split that a name stands for alone, or nothing."""
    return _SPLITS.get(name.lower(), "")


def role(name: str) -> str:
    """Return what an array of this name is, or nothing: images, labels, a split or its labels."""
    words = [word for word in words_of(name) if word not in _FILLERS]
    splits = [_SPLITS[word] for word in words if word in _SPLITS]
    kinds = ["labels" for word in words if word in LABELS]
    kinds += ["images" for word in words if word in _IMAGES]
    if not words or len(splits) > 1 or len(kinds) > 1 or len(splits + kinds) < len(words):
        return ""
    if not splits:
        return kinds[0]
    return f"{splits[0]}_labels" if kinds == ["labels"] else splits[0]


def assign(arrays: Arrays, given: Given, path: Path) -> dict[str, str]:
    """Return the names of the arrays by role; ``given`` are those that the settings name.

    Raises
    ------
    UserError
        If the arrays do not make up a data set, or more than one could.
    """
    found = f"{path}: found the arrays {_listed([*arrays])}"
    told = given.model_dump(exclude_none=True)
    absent = sorted(set(told.values()) - arrays.keys())
    if absent:
        raise UserError(
            f"{found}; dataset.arrays names {_listed(absent)}; write one of those that are there"
        )
    roles = told or _by_name(arrays, found) or _only(arrays)
    images = [role for role in ("images", *SPLITS) if role in roles]
    if "images" in images and len(images) > 1:
        raise UserError(f"{found}; expected {_EXPECTED}, not both; leave one out")
    if "images" not in images and not {"train", "test"} <= {*images}:
        raise UserError(
            f"{found}; expected {_EXPECTED}; name them so, or tell which they are, such as "
            "dataset.arrays: {images: NAME}"
        )
    labels = "labels" if "images" in images else "test_labels"
    return {role: roles[role] for role in (*images, labels) if role in roles}


def _by_name(arrays: Arrays, found: str) -> dict[str, str]:
    exact = {name: name for name in ("images", "labels", *SPLITS, "test_labels") if name in arrays}
    named: dict[str, list[str]] = {}
    for name in arrays:
        named.setdefault(role(name), []).append(name)
    named.pop("", None)
    roles = {role: names[0] for role, names in named.items()} | exact
    for kind in roles.keys() - exact.keys() & {"images", "labels", *SPLITS, "test_labels"}:
        if len(named[kind]) > 1:
            raise UserError(
                f"{found}, of which {_listed(named[kind])} may each be the {kind}; tell which, "
                f"such as dataset.arrays: {{{kind}: {named[kind][0]}}}"
            )
    return roles


def _only(arrays: Arrays) -> dict[str, str]:
    candidates = [name for name, array in arrays.items() if len(array.shape) > 1]
    return {"images": candidates[0]} if len(candidates) == 1 else {}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(map(plain, sorted(names)[:_NAMED])) or "(none)") + more
