"""One's own images in an ``.npz`` file; `flowdepth.data.catalogue` describes its two layouts."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue
from flowdepth.data.npz import opened
from flowdepth.data.sources import Source, plan_by_share, shuffled
from flowdepth.settings.sections import Dataset

# An array whose brightest pixel is so many times darker than another's has another range.
_DARKER = 8


def read(dataset: Dataset) -> Source:
    """Return the images.

    Raises
    ------
    UserError
        If the file is missing, damaged, or its arrays are not as expected.
    """
    with opened(Path(dataset.root)) as file:
        found = file.arrays([*catalogue.checked_headers(file)])
    arrays = {name: torch.from_numpy(array) for name, array in found.items()}
    labels = arrays.pop("labels", arrays.pop("test_labels", None))
    return Source(
        pools=arrays,
        plan=_plan(arrays, dataset),
        levels=_levels(arrays, dataset),
        labels=None if labels is None else labels.long(),
    )


def _levels(pools: dict[str, Tensor], dataset: Dataset) -> int:
    """Return the grey levels, which all arrays share."""
    tops = {name: int(pool.max()) for name, pool in pools.items()}
    most, least = max(tops, key=lambda name: tops[name]), min(tops, key=lambda name: tops[name])
    if max(tops[least], 1) * _DARKER < tops[most]:
        raise UserError(
            f"{dataset.root}: found values up to {tops[most]} in the array {most} but up to "
            f"{tops[least]} in {least}, expected one range; multiply those of {least} to fill it"
        )
    return 2 if tops[most] <= 1 else 256


def _plan(pools: dict[str, Tensor], dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    if "images" in pools:
        return plan_by_share("images", len(pools["images"]), dataset)
    plan = {name: (name, torch.arange(len(pool))) for name, pool in pools.items()}
    if "validation" not in pools:
        order = shuffled(len(pools["train"]), dataset)
        size = catalogue.share_of(len(order), dataset.validation)
        plan["validation"] = ("train", order[:size].sort().values)
        plan["train"] = ("train", order[size:].sort().values)
    return plan
