"""What the data take away from the answer, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def limits(dataset: dict[str, Any]) -> list[str]:
    """Return what a reader must know of the images in ``dataset.json``, a sentence each."""
    return list(_sentences(dataset["sizes"], dataset["peculiarities"], _pixels(dataset)))


def _pixels(dataset: dict[str, Any]) -> int:
    pixels: int = dataset["height"] * dataset["width"]
    return pixels


def _sentences(sizes: dict[str, int], found: dict[str, int], pixels: int) -> Iterator[str]:
    if found["distinct_train"] == 1:
        yield "All training images are the same: there is nothing to learn, and no number counts."
        return
    if 2 * found["brightest"] < found["white"]:
        yield (
            f"No pixel is brighter than {found['brightest']} of {found['white']}: were the values "
            "meant to fill the range, everything here is of images far too dark."
        )
    if found["test_in_train"]:
        yield (
            f"{_of(found['test_in_train'], sizes['test'])} test images are, pixel for pixel, "
            "training images too: what a model knows by heart lowers the NLL, which is then too "
            "low for new images."
        )
    if found["validation_in_train"]:
        yield (
            f"{_of(found['validation_in_train'], sizes['validation'])} validation images are, "
            "pixel for pixel, training images too: the best epoch may be chosen too late."
        )
    if sizes["train"] > found["distinct_train"]:
        yield (
            f"{_of(sizes['train'] - found['distinct_train'], sizes['train'])} training images "
            "repeat another one."
        )
    if found["constant_pixels"]:
        yield (
            f"{_of(found['constant_pixels'], pixels)} pixels have one value in all training "
            "images: no depth can gain by them."
        )


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"
