"""From the name of a data set to its images as published, read from files that are verified."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.compute.streams import generator
from flowdepth.data import amat, catalogue, downloads, idx
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset


@dataclass(frozen=True)
class Source:
    """A data set as published: named pools of grey images, and where each split lies in them."""

    pools: dict[str, Tensor]  # uint8 [N, H, W]
    plan: dict[str, tuple[str, Tensor]]  # split -> name of the pool, positions [N] in it
    levels: int
    labels: Tensor | None = None  # of the pool that holds the test images


def read(dataset: Dataset) -> Source:
    """Return the images of the data set and the plan of their splits.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, or is not what it should be.
    """
    return _READERS[dataset.name](dataset)


def _plan_by_share(pool: str, images: int, dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    # Test images come first: their choice must not depend on the validation share.
    order = _order(images, dataset)
    sizes = catalogue.sizes_by_share(images, dataset)
    test, validation, train = order.split([sizes.test, sizes.validation, sizes.train])
    parts = {"train": train, "validation": validation, "test": test}
    return {split: (pool, rows.sort().values) for split, rows in parts.items()}


def _order(images: int, dataset: Dataset) -> Tensor:
    return torch.randperm(images, generator=generator(dataset.seed, "split"))


def _read_digits(dataset: Dataset) -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.uint8))
    return Source(
        pools={"images": images},
        plan=_plan_by_share("images", len(images), dataset),
        levels=KNOWN["digits"].levels,
        labels=torch.from_numpy(digits.target).long(),
    )


def _read_npz(dataset: Dataset) -> Source:
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
        plan=_plan_npz(arrays, dataset),
        levels=2 if max(int(pool.max()) for pool in arrays.values()) <= 1 else 256,
        labels=None if labels is None else labels.long(),
    )


def _plan_npz(pools: dict[str, Tensor], dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    if "images" in pools:
        return _plan_by_share("images", len(pools["images"]), dataset)
    plan = {name: (name, torch.arange(len(pool))) for name, pool in pools.items()}
    if "validation" not in pools:
        order = _order(len(pools["train"]), dataset)
        size = catalogue.share_of(len(order), dataset.validation)
        plan["validation"] = ("train", order[:size].sort().values)
        plan["train"] = ("train", order[size:].sort().values)
    return plan


def _read_idx(dataset: Dataset) -> Source:
    downloads.fetch(dataset)
    facts = KNOWN[dataset.name]
    first, validation, tested = facts.split
    trained = first + validation
    size = (facts.height, facts.width)
    shapes = ((trained, *size), (trained,), (tested, *size), (tested,))
    files = zip(catalogue.required_files(dataset), shapes, idx.MD5[dataset.name], strict=True)
    train, _, test, labels = (idx.read(*file) for file in files)
    return Source(
        pools={"train": train, "test": test},
        plan={
            "train": ("train", torch.arange(first)),
            "validation": ("train", torch.arange(first, trained)),
            "test": ("test", torch.arange(tested)),
        },
        levels=facts.levels,
        labels=labels.long(),
    )


def _read_binarized_mnist(dataset: Dataset) -> Source:
    downloads.fetch(dataset)
    facts = KNOWN["binarized_mnist"]
    size = (facts.height, facts.width)
    counts = facts.split._asdict()
    files = zip(counts.items(), catalogue.required_files(dataset), strict=True)
    return Source(
        pools={
            split: amat.read(path, count, math.prod(size)).view(count, *size)
            for (split, count), path in files
        },
        plan={split: (split, torch.arange(count)) for split, count in counts.items()},
        levels=facts.levels,
    )


_READERS: dict[str, Callable[[Dataset], Source]] = {
    "digits": _read_digits,
    "mnist": _read_idx,
    "fashion_mnist": _read_idx,
    "binarized_mnist": _read_binarized_mnist,
    "npz": _read_npz,
}
