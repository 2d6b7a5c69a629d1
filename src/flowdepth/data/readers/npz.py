"""One's own images in an ``.npz`` file; `flowdepth.data.catalogue` describes its two layouts."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue
from flowdepth.data.sources import Source, plan_by_share, shuffled
from flowdepth.settings.sections import Dataset


def read(dataset: Dataset) -> Source:
    """Return the images.

    Raises
    ------
    UserError
        If the file is missing, damaged, or its arrays are not as expected.
    """
    path = Path(dataset.root)
    names = catalogue.npz_headers(path)
    try:
        with np.load(path, allow_pickle=False) as file:  # noqa: TID251
            arrays = {name: torch.from_numpy(np.ascontiguousarray(file[name])) for name in names}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: damaged ({error}); copy or write the file again") from error
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
