"""The published data sets that a study can name, and what is known of each.

To add one: describe it here, and read it in a module of `flowdepth.data.readers`. Light, because
the configuration takes the names from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Sizes(NamedTuple):
    """Numbers of images of the three splits."""

    train: int
    validation: int
    test: int


SPLITS = Sizes._fields


@dataclass(frozen=True)
class Facts:
    """What is known of a published data set.

    Attributes
    ----------
    height, width, levels, images
        Size of an image in pixels, grey levels, number of images.
    split
        Where it brings its own.
    reader
        Module of `flowdepth.data.readers`; the data set's own name where it is empty.
    files
        For each file it needs, the places below ``dataset.root`` where it may lie, the best first:
        archives before unpacked files, and those only where their sums are known.
    """

    height: int
    width: int
    levels: int
    images: int
    split: Sizes | None = None
    reader: str = ""
    files: tuple[tuple[str, ...], ...] = ()


def _idx(folder: str, *ends: str) -> Facts:
    names = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )
    files = tuple(tuple(f"{folder}/raw/{name}{end}" for end in ends) for name in names)
    return Facts(28, 28, 256, 70_000, _MNIST_SPLIT, "idx", files)


def _amat(folder: str) -> Facts:
    texts = [f"{folder}_{part}.amat" for part in ("train", "valid", "test")]
    places = [[text, f"{text}.gz", f"{folder}/{text}", f"{folder}/{text}.gz"] for text in texts]
    return Facts(28, 28, 2, 70_000, _MNIST_SPLIT, "amat", tuple(map(tuple, places)))


_MNIST_SPLIT = Sizes(50_000, 10_000, 10_000)
KNOWN = {
    "digits": Facts(8, 8, 17, 1_797),
    "mnist": _idx("MNIST", ".gz", ""),
    "fashion_mnist": _idx("FashionMNIST", ".gz"),
    "kmnist": _idx("KMNIST", ".gz"),
    "binarized_mnist": _amat("binarized_mnist"),
}
