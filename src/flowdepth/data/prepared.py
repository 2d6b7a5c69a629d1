"""From the name of a data set to its three splits of uint8 images; binarisation.

Splits and the binarised validation and test images come from ``dataset.seed`` and the data alone,
never from a training seed, so that every model is judged on the same pixels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.compute.streams import generator
from flowdepth.data import catalogue, sources
from flowdepth.data.catalogue import SPLITS
from flowdepth.data.peculiarities import Peculiarities, peculiarities
from flowdepth.data.sources import Source
from flowdepth.settings.sections import Dataset

ROWS_AT_A_TIME = 1024  # of `redraw`: 3 MB of uniforms for 784 pixels
_FACTS = ("height", "width", "levels", "train_levels", "seed", "peculiarities")


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
    peculiarities
        Counts of what the report must tell of the images.
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
    peculiarities: Peculiarities

    @property
    def pixels(self) -> int:
        """Number of pixels ``P`` of an image."""
        return self.height * self.width

    def to(self, device: torch.device | str) -> Images:
        """Return the same images with the pixels on ``device``; labels and index stay."""
        moved = {split: getattr(self, split).to(device) for split in SPLITS}
        return dataclasses.replace(self, **moved)


def prepare(dataset: Dataset) -> Images:
    """Read, split and binarise the images.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, is not what it should be, a split is left
        empty, or images without grey are to stay grey.
    """
    catalogue.check_dataset(dataset)
    source = sources.read(dataset)
    _check_grey(dataset, source.levels)
    pixels = {split: _pixels(split, source, dataset) for split in SPLITS}
    height, width = next(iter(source.pools.values())).shape[1:]
    grey = dataset.binarisation == "none"
    return Images(
        **pixels,
        height=height,
        width=width,
        levels=source.levels if grey else 2,
        train_levels=source.levels if grey or dataset.binarisation == "dynamic" else 2,
        seed=dataset.seed,
        test_labels=None if source.labels is None else source.labels[source.plan["test"][1]],
        index={split: rows for split, (_, rows) in source.plan.items()},
        peculiarities=peculiarities(source),
    )


def _check_grey(dataset: Dataset, levels: int) -> None:
    # Without binarisation the likelihood is Normal, and binary pixels have no density.
    if dataset.name == "npz" and dataset.binarisation == "none" and levels == 2:
        raise UserError(
            f"{dataset.root}: found no value above 1, so that the pixels are binary, expected grey "
            "values up to 255 because dataset.binarisation is none; set it to static and "
            "model.likelihood to bernoulli, or write grey images"
        )


def _pixels(split: str, source: Source, dataset: Dataset) -> Tensor:
    pool, rows = source.plan[split]
    grey = source.pools[pool][rows].flatten(1)
    kept_grey = dataset.binarisation == "dynamic" and split == "train"
    if source.levels == 2 or dataset.binarisation == "none" or kept_grey:
        return grey
    if dataset.binarisation == "threshold":
        return (grey > (source.levels - 1) / 2).to(torch.uint8)
    return redraw(grey, source.levels, generator(dataset.seed, "binarise", split))


def redraw(grey: Tensor, levels: int, generator: torch.Generator) -> Tensor:
    """Draw binary images whose pixels are 1 with probability ``grey / (levels - 1)``.

    Parameters
    ----------
    grey
        uint8 [N, P], on the generator's device.
    levels
        Number of grey levels; values are ``0 .. levels - 1``.
    generator
        Of the draw; the same generator state gives the same pixels.

    Returns
    -------
    Tensor
        uint8 [N, P] of 0 and 1.
    """
    binary = torch.empty_like(grey)
    for start in range(0, len(grey), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        uniform = torch.rand(grey[rows].shape, generator=generator, device=grey.device)
        torch.lt(uniform.mul_(levels - 1), grey[rows], out=binary[rows].view(torch.bool))
    return binary


def dequantise(grey: Tensor, levels: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Return ``(grey + u) / levels`` with ``u`` uniform on [0, 1): densities on [0, 1]^P.

    ``grey`` is uint8 of any shape, on the generator's device; the result has its shape.
    """
    uniform = torch.rand(grey.shape, generator=generator, dtype=dtype, device=grey.device)
    return uniform.add_(grey).div_(levels)


def source_digests(dataset: Dataset) -> dict[str, str]:
    """Return the SHA-256 sum of each file the images were read from, by file name."""
    paths = catalogue.required_files(dataset)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def digest(images: Images) -> dict[str, str]:
    """Return the SHA-256 sum of the pixels of each split, row by row."""
    return {split: tensor_digest(getattr(images, split)) for split in SPLITS}


def tensor_digest(tensor: Tensor) -> str:
    """Return the SHA-256 sum of a tensor's values in memory order."""
    return hashlib.sha256(tensor.cpu().contiguous().numpy()).hexdigest()


def save(images: Images, path: Path) -> None:
    """Write the images as safetensors, whole or not at all; the same images give the same bytes."""
    tensors = {split: getattr(images, split) for split in SPLITS}
    tensors |= {f"index.{split}": rows for split, rows in images.index.items()}
    if images.test_labels is not None:
        tensors["test_labels"] = images.test_labels
    facts = {name: getattr(images, name) for name in _FACTS}
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
            facts = json.loads((file.metadata() or {})["images"])
        return Images(
            **{split: tensors[split] for split in SPLITS},
            **{name: facts[name] for name in _FACTS},
            test_labels=tensors.get("test_labels"),
            index={split: tensors[f"index.{split}"] for split in SPLITS},
        )
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(
            f"{path}: found no readable images ({error}); delete the file and prepare them again"
        ) from error
