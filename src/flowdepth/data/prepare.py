"""From a data set as published to three splits of uint8 images, and the facts about them.

Splits and the binarised validation and test images come from ``dataset.seed`` and the data alone,
never from a training seed, so that every model is judged on the same pixels.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.files import digest
from flowdepth.compute.streams import generator
from flowdepth.data import catalogue, sources
from flowdepth.data.pixels import binarise
from flowdepth.data.prepared import Images, pixel_sums, tensor_sum
from flowdepth.data.sources import Source
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.sections import Dataset


def read(dataset: Dataset) -> Source:
    """Return the images as published, checked against the settings.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, is not what it should be, a split is left
        empty, or images without grey are to stay grey.
    """
    catalogue.check_dataset(dataset)
    source = sources.read(dataset)
    check_grey(dataset, source.levels)
    return source


def prepare(dataset: Dataset) -> Images:
    """Read, split and binarise the images; raises as `read` does."""
    return split(read(dataset), dataset)


def split(source: Source, dataset: Dataset) -> Images:
    """Return the splits of ``source``, binarised as ``dataset`` says.

    Raises
    ------
    UserError
        If binarisation leaves a split with one value alone.
    """
    pixels = {split: _pixels(split, source, dataset) for split in SPLITS}
    height, width = next(iter(source.pools.values())).shape[1:]
    grey = dataset.binarisation == "none"
    if not grey:
        _check_both_values(pixels, source, dataset)
    return Images(
        **pixels,
        height=height,
        width=width,
        levels=source.levels if grey else 2,
        train_levels=source.levels if grey or dataset.binarisation == "dynamic" else 2,
        seed=dataset.seed,
        test_labels=None if source.labels is None else source.labels[source.plan["test"][1]],
        index={split: rows for split, (_, rows) in source.plan.items()},
    )


def check_grey(dataset: Dataset, levels: int) -> None:
    """Raise `UserError` where images are to stay grey and are not.

    Without binarisation the likelihood is Normal, and binary pixels have no density.
    """
    if dataset.name == "images" and dataset.binarisation == "none" and levels == 2:
        raise UserError(
            f"{dataset.root}: found no value above 1, so that the pixels are binary, expected grey "
            "values up to 255 because dataset.binarisation is none; set it to static and "
            "model.likelihood to bernoulli, or write grey images"
        )


def _check_both_values(pixels: dict[str, Tensor], source: Source, dataset: Dataset) -> None:
    for split, binary in pixels.items():
        if binary.min() == binary.max():
            raise UserError(
                f"dataset.binarisation: {dataset.binarisation} leaves the one value "
                f"{int(binary.min())} in the {split} split of {dataset.name}, expected 0 and 1; "
                f"its values, up to {source.brightest}, were taken as levels from 0 to "
                f"{source.levels - 1}: multiply them to fill that range, or take other images"
            )


def _pixels(split: str, source: Source, dataset: Dataset) -> Tensor:
    pool, rows = source.plan[split]
    grey = source.pools[pool][rows].flatten(1)
    kept_grey = dataset.binarisation == "dynamic" and split == "train"
    if dataset.binarisation == "none" or kept_grey:
        return grey
    noise = generator(dataset.seed, "binarise", split)
    return binarise(grey, source.levels, dataset.binarisation, noise)


def describe(images: Images, dataset: Dataset) -> dict[str, object]:
    """Return what identifies the images: name, sizes, and SHA-256 sums of pixels and sources."""
    return {
        "name": dataset.name,
        "understood": catalogue.understood(dataset),
        "height": images.height,
        "width": images.width,
        "levels": images.levels,
        "train_levels": images.train_levels,
        "binarisation": dataset.binarisation,
        "seed": dataset.seed,
        "sizes": {split: len(rows) for split, rows in images.index.items()},
        "sha256": pixel_sums(images),
        "index_sha256": {split: tensor_sum(rows) for split, rows in images.index.items()},
        "sources": source_sums(dataset),
    }


def source_sums(dataset: Dataset) -> dict[str, str]:
    """Return the SHA-256 sum of each file the images were read from, by file name.

    Of a folder of the user's own, one of the sums of all its files.
    """
    return {path.name: _sum(path) for path in catalogue.required_files(dataset)}


def _sum(path: Path) -> str:
    if not path.is_dir():
        return digest(path)
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    lines = [f"{digest(file)}  {file.relative_to(path)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
