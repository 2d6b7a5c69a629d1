"""What of a data set's images a reader of results must know: dark or repeated ones, still pixels.

Counted before binarisation, which makes two images of one and hides both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict

from flowdepth.data.sources import Source


class Peculiarities(TypedDict):
    """Counts over the images of the splits.

    Attributes
    ----------
    brightest, white
        The largest value of a pixel, and the largest that there may be.
    constant_pixels
        Pixels with one value in all training images.
    distinct_train
        Training images without their repetitions.
    validation_in_train, test_in_train
        Images of that split which are, pixel for pixel, a training image.
    """

    brightest: int
    white: int
    constant_pixels: int
    distinct_train: int
    validation_in_train: int
    test_in_train: int


def peculiarities(source: Source) -> Peculiarities:
    """Return the counts for the images of ``source``."""
    pool, rows = source.plan["train"]
    train = source.pools[pool][rows]
    known = set(_images(source, "train"))
    return Peculiarities(
        brightest=source.brightest,
        white=source.levels - 1,
        constant_pixels=int((train.amin(0) == train.amax(0)).sum()),
        distinct_train=len(known),
        validation_in_train=sum(image in known for image in _images(source, "validation")),
        test_in_train=sum(image in known for image in _images(source, "test")),
    )


def _images(source: Source, split: str) -> Iterator[bytes]:
    pool, rows = source.plan[split]
    return (image.tobytes() for image in source.pools[pool][rows].numpy())
