"""IDX, the format of MNIST and its like: a header of big-endian integers, then bytes."""

from __future__ import annotations

import io
import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue, downloads
from flowdepth.data.archives import check_sum, unpacked
from flowdepth.data.published import archive_sums, check_archive
from flowdepth.data.sources import Source, plan_in_order
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset

ADDRESSES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion_mnist": "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "kmnist": "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    "qmnist": "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
}
NAMES = {  # torchvision's
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "qmnist": "QMNIST",
}


class Sums(NamedTuple):
    """The published MD5 of an archive, and our own SHA-256 of what is in it, where it is known."""

    archive: str
    content: str = ""


CONTENTS = {  # in the order of the files in `flowdepth.settings.datasets`
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
# Plus the number of dimensions, the magic number of a file of such values.
_MAGIC = {"u1": 0x800, ">i4": 0xC00}
# Labels of QMNIST: the class, and seven facts of the writer and where the image is from.
_LABEL_FACTS = 8


def read(dataset: Dataset) -> Source:
    """Return the images, from archives or unpacked files.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, damaged or another one.
    """
    downloads.fetch(dataset, ADDRESSES[dataset.name], partial(check_archive, NAMES[dataset.name]))
    facts = KNOWN[dataset.name]
    sizes = catalogue.split_sizes(dataset)
    trained, tested = sizes.train + sizes.validation, sizes.test
    size = (facts.height, facts.width)
    labelled = (_LABEL_FACTS,) if dataset.name == "qmnist" else ()
    shapes = ((trained, *size), (trained, *labelled), (tested, *size), (tested, *labelled))
    files = zip(catalogue.required_files(dataset), shapes, sums(dataset.name), strict=True)
    train, _, test, labels = (read_file(*file) for file in files)
    return Source(
        pools={"train": train, "test": test},
        plan=plan_in_order(sizes),
        levels=facts.levels,
        labels=(labels[:, 0] if labelled else labels).long(),
    )


def sums(name: str) -> list[Sums]:
    """Return the sums of the files of a data set, in the order of `flowdepth.settings.datasets`."""
    archives = archive_sums(NAMES[name])
    files = [archives[Path(places[0]).name] for places in KNOWN[name].files]
    return [*map(Sums, files, CONTENTS.get(name, [""] * len(files)))]


def read_file(path: Path, shape: tuple[int, ...], sums: Sums) -> Tensor:
    """Return the values of an archive or of an unpacked file with these sums.

    They are uint8 ``shape``, or int32 where the name says ``int``.

    Raises
    ------
    UserError
        If the file is damaged or another one.
    """
    if path.suffix == ".gz":
        with path.open("rb") as file:
            check_sum(path, file, "md5", sums.archive)
    dtype = ">i4" if "-int" in path.name else "u1"
    content = unpacked(path, most=size(shape, dtype))
    values = parse(content, shape, path, dtype)
    if sums.content:
        check_sum(path, io.BytesIO(content), "sha256", sums.content)
    return values


def size(shape: tuple[int, ...], dtype: str = "u1") -> int:
    """Return the bytes of an IDX file of so many values."""
    return 4 * (1 + len(shape)) + math.prod(shape) * np.dtype(dtype).itemsize


def parse(content: bytes, shape: tuple[int, ...], path: Path, dtype: str = "u1") -> Tensor:
    """Return the values of an IDX file.

    Parameters
    ----------
    content
        The file: the magic number, one integer a dimension, the values row by row.
    shape
        Expected dimensions.
    path
        Where the content is from, for the message.
    dtype
        Type of the values: unsigned bytes, or integers ``>i4``.

    Returns
    -------
    Tensor
        uint8 or int32 of that ``shape``.

    Raises
    ------
    UserError
        If the content is not exactly that.
    """
    wanted = size(shape, dtype)
    if len(content) != wanted:
        found = f"more than {wanted}" if len(content) > wanted else len(content)
        raise _another(path, f"{found} bytes", f"{wanted}")
    header = np.frombuffer(content, dtype=">u4", count=1 + len(shape)).tolist()
    expected = [_MAGIC[dtype] + len(shape), *shape]
    if header != expected:
        raise _another(path, _words(header), _words(expected))
    values = np.frombuffer(content, dtype=dtype, offset=4 * (1 + len(shape))).reshape(shape)
    return torch.from_numpy(values.astype(values.dtype.newbyteorder("=")))


def _words(header: list[int]) -> str:
    return f"the magic number {header[0]:#010x} and dimensions {header[1:]}"


def _another(path: Path, found: str, expected: str) -> UserError:
    archive = f"{path.name.removesuffix('.gz')}.gz"
    return UserError(
        f"{path}: found {found}, expected {expected}; put the archive {archive} in its place"
    )
