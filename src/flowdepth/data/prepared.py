"""The prepared images: three splits of uint8 pixels in one file, as every stage reads them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import safetensors.torch
import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.base.words import reason
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.sections import Section
from flowdepth.settings.values import Count, Index, Whole

_Levels = Annotated[Whole, Field(ge=2, le=256)]


class _Facts(Section):
    """What the header holds beside the tensors."""

    height: Count
    width: Count
    levels: _Levels
    train_levels: _Levels
    seed: Index


@dataclass(frozen=True)
class Images:
    """The prepared splits of a data set.

    Attributes
    ----------
    train, validation, test
        Images as rows of ``P = height * width`` pixels, uint8 [N, P].
    height, width
        Size of an image in pixels.
    levels
        Grey levels of the validation and test pixels, whose values are ``0 .. levels - 1``;
        2 where they are binary.
    train_levels
        The same of the training pixels; more than `levels` where they are kept grey to be
        binarised anew every epoch.
    seed
        Of the split and of the binarisation, never a training seed.
    test_labels
        Classes of the test images, int64 [N], where the data set has any.
    index
        For each split, the positions of its images in their source, int64 [N].
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    height: int
    width: int
    levels: int
    train_levels: int
    seed: int
    test_labels: Tensor | None
    index: dict[str, Tensor]

    @property
    def pixels(self) -> int:
        """Number of pixels ``P`` of an image."""
        return self.height * self.width

    def to(self, device: torch.device | str) -> Images:
        """Return the same images with the pixels on ``device``; labels and index stay."""
        moved = {split: getattr(self, split).to(device) for split in SPLITS}
        return dataclasses.replace(self, **moved)


def pixel_sums(images: Images) -> dict[str, str]:
    """Return the SHA-256 sum of the pixels of each split, row by row."""
    return {split: tensor_sum(getattr(images, split)) for split in SPLITS}


def tensor_sum(tensor: Tensor) -> str:
    """Return the SHA-256 sum of a tensor's values in memory order."""
    return hashlib.sha256(tensor.cpu().contiguous().numpy().data).hexdigest()


def save(images: Images, path: Path) -> None:
    """Write the images as safetensors, whole or not at all; the same images give the same bytes."""
    tensors = {split: getattr(images, split) for split in SPLITS}
    tensors |= {f"index.{split}": rows for split, rows in images.index.items()}
    if images.test_labels is not None:
        tensors["test_labels"] = images.test_labels
    facts = {name: getattr(images, name) for name in _Facts.model_fields}
    # One entry only: safetensors writes several in random order.
    metadata = {"images": json.dumps(facts)}
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    write_bytes(path, safetensors.torch.save(contiguous, metadata))


def load(path: Path) -> Images:
    """Return the images that `save` wrote.

    Raises
    ------
    UserError
        If the file is missing or damaged, or `save` did not write it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = _Facts.model_validate_json((file.metadata() or {})["images"])
        images = Images(
            **{split: tensors[split] for split in SPLITS},
            **facts.model_dump(),
            test_labels=tensors.get("test_labels"),
            index={split: tensors[f"index.{split}"] for split in SPLITS},
        )
        _check(images)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(
            f"{path}: found no prepared images ({reason(error)}), expected the file that a study "
            "leaves in its folder data; run `snakemake prepare`, which makes it again"
        ) from error
    return images


def _check(images: Images) -> None:
    levels = {"train": images.train_levels, "validation": images.levels, "test": images.levels}
    for split in SPLITS:
        pixels = getattr(images, split)
        _check_tensor(split, pixels, torch.uint8, (len(pixels), images.pixels))
        _check_tensor(f"index.{split}", images.index[split], torch.int64, (len(pixels),))
        if int(pixels.max()) >= levels[split]:  # 256 is no uint8
            raise ValueError(f"{split} holds {pixels.max()}, which is no level of {levels[split]}")
    if images.test_labels is not None:
        _check_tensor("test_labels", images.test_labels, torch.int64, (len(images.test),))


def _check_tensor(name: str, found: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    if found.dtype != dtype or found.shape != shape or 0 in shape:
        raise ValueError(f"{name} is {found.dtype} {[*found.shape]}, not {dtype} {[*shape]}")
