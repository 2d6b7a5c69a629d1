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


_MNIST_SPLIT = Sizes(50_000, 10_000, 10_000)
_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_QMNIST_FILES = (
    "qmnist-train-images-idx3-ubyte",
    "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte",
    "qmnist-test-labels-idx2-int",
)


def _idx(
    folder: str,
    *ends: str,
    names: tuple[str, ...] = _MNIST_FILES,
    split: Sizes = _MNIST_SPLIT,
) -> Facts:
    files = tuple(tuple(f"{folder}/raw/{name}{end}" for end in ends) for name in names)
    return Facts(28, 28, 256, sum(split), split, "idx", files)


def _emnist(train: int, test: int) -> Facts:
    split = Sizes(train - test, test, test)
    return Facts(28, 28, 256, train + test, split, "emnist", (("EMNIST/raw/gzip.zip",),))


def _amat(folder: str) -> Facts:
    texts = [f"{folder}_{part}.amat" for part in ("train", "valid", "test")]
    places = [[text, f"{text}.gz", f"{folder}/{text}", f"{folder}/{text}.gz"] for text in texts]
    return Facts(28, 28, 2, 70_000, _MNIST_SPLIT, "amat", tuple(map(tuple, places)))


# Of EMNIST as many training images are for validation as there are test images, the last ones.
KNOWN = {
    "digits": Facts(8, 8, 17, 1_797),
    "mnist": _idx("MNIST", ".gz", ""),
    "fashion_mnist": _idx("FashionMNIST", ".gz"),
    "kmnist": _idx("KMNIST", ".gz"),
    "qmnist": _idx("QMNIST", ".gz", names=_QMNIST_FILES, split=Sizes(50_000, 10_000, 60_000)),
    "emnist_balanced": _emnist(112_800, 18_800),
    "emnist_byclass": _emnist(697_932, 116_323),
    "emnist_bymerge": _emnist(697_932, 116_323),
    "emnist_digits": _emnist(240_000, 40_000),
    "emnist_letters": _emnist(124_800, 20_800),
    "emnist_mnist": _emnist(60_000, 10_000),
    "usps": Facts(
        16,
        16,
        256,
        9_298,
        Sizes(6_291, 1_000, 2_007),
        files=(("USPS/usps.bz2", "usps.bz2"), ("USPS/usps.t.bz2", "usps.t.bz2")),
    ),
    "binarized_mnist": _amat("binarized_mnist"),
}
