"""AMAT, the format of binarised MNIST: a text with one image a line."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue, downloads
from flowdepth.data.archives import check_sum, unpacked
from flowdepth.data.sources import Source
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset

ADDRESS = "https://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
SUMS = {  # of the unpacked text: the published MD5, and our own SHA-256
    "binarized_mnist_train.amat": {
        "md5": "db28b1a6ae0fe70cbd3da91acf46e477",
        "sha256": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    },
    "binarized_mnist_valid.amat": {
        "md5": "bf37822a04e94123630de6a7dfd9c9ef",
        "sha256": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    },
    "binarized_mnist_test.amat": {
        "md5": "14e41ae11040adba6ab8cb291eda0dd8",
        "sha256": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
    },
}


def read(dataset: Dataset) -> Source:
    """Return the images of binarised MNIST.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, damaged or another one.
    """
    downloads.fetch(dataset, ADDRESS, _check)
    facts = KNOWN["binarized_mnist"]
    size = (facts.height, facts.width)
    counts = catalogue.split_sizes(dataset)._asdict()
    files = zip(counts.items(), catalogue.required_files(dataset), strict=True)
    return Source(
        pools={
            split: read_file(path, count, math.prod(size)).view(count, *size)
            for (split, count), path in files
        },
        plan={split: (split, torch.arange(count)) for split, count in counts.items()},
        levels=facts.levels,
    )


def _check(path: Path, content: bytes) -> None:
    for algorithm, expected in SUMS[path.name.removesuffix(".gz")].items():
        check_sum(path, io.BytesIO(content), algorithm, expected)


def read_file(path: Path, rows: int, columns: int) -> Tensor:
    """Return the pixels of a published text, packed or not: uint8 [rows, columns].

    Raises
    ------
    UserError
        If the file is damaged or another one.
    """
    content = unpacked(path, most=rows * 2 * columns)
    _check(path, content)
    return parse(content, rows, columns, path)


def parse(content: bytes, rows: int, columns: int, path: Path) -> Tensor:
    """Return the pixels of a text with one image a line, values 0 or 1 with one blank between.

    Parameters
    ----------
    content
        The text.
    rows, columns
        Expected numbers of lines and of values a line.
    path
        Where the text is from, for the message.

    Returns
    -------
    Tensor
        uint8 [rows, columns].

    Raises
    ------
    UserError
        If the text is not exactly that.
    """
    text = np.frombuffer(content, dtype=np.uint8)
    if text.size == rows * 2 * columns:
        pairs = text.reshape(rows, columns, 2)
        pixels = pairs[:, :, 0] - ord("0")  # characters below "0" wrap round to more than 1
        if pixels.max() <= 1 and _separates(pairs[:, :, 1]):
            return torch.from_numpy(pixels)
    lines = content.count(b"\n")
    raise UserError(
        f"{path}: found {lines} lines and {len(content)} bytes, expected {rows} lines of {columns} "
        f"values 0 or 1 with one blank between ({rows * 2 * columns} bytes); fetch the file again"
    )


def _separates(characters: np.ndarray) -> bool:
    blanks, ends = characters[:, :-1] == ord(" "), characters[:, -1] == ord("\n")
    return bool(blanks.all() and ends.all())
