"""The published data sets that a study can name, and what is known of each.

To add one: describe it here, and read it in `flowdepth.data.sources`. Light, because the
configuration takes the names from here.
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
    """Shape, grey levels and size of a published data set; ``split`` where it brings its own."""

    height: int
    width: int
    levels: int
    images: int
    split: Sizes | None = None


KNOWN = {
    "digits": Facts(8, 8, 17, 1_797),
    "mnist": Facts(28, 28, 256, 70_000, Sizes(50_000, 10_000, 10_000)),
    "fashion_mnist": Facts(28, 28, 256, 70_000, Sizes(50_000, 10_000, 10_000)),
    "binarized_mnist": Facts(28, 28, 2, 70_000, Sizes(50_000, 10_000, 10_000)),
}
