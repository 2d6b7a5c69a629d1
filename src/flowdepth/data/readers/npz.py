"""One's own images in an ``.npz`` file; `flowdepth.data.catalogue` describes its two layouts."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from flowdepth.data import catalogue
from flowdepth.data.npz import opened
from flowdepth.data.sources import Source, plan_by_share, shuffled
from flowdepth.settings.sections import Dataset


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
        levels=2 if max(int(pool.max()) for pool in arrays.values()) <= 1 else 256,
        labels=None if labels is None else labels.long(),
    )


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
