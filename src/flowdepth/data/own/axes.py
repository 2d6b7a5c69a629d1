"""From an array of any layout to images [N, H, W], or [N, H, W, C] where they have channels."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from flowdepth.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np

_CHANNELS = (1, 2, 3, 4)
_ASKED = "tell their order, such as dataset.axes: NHW (N images, H rows, W columns, C channels)"


def images(array: np.ndarray, axes: str, size: tuple[int, int] | None, where: str) -> np.ndarray:
    """Return the images of ``array``, whose axes are these.

    ``axes`` has a letter for each axis, in brackets several that lie in one: ``(WH)N`` are the
    columns of images, whose pixels run down a column first. ``size`` is the height and width of
    images that lie in one axis; without it they are square.

    Raises
    ------
    UserError
        If the array cannot be that.
    """
    groups = re.findall(r"\([HWC]+\)|[NHWC]", axes)
    if len(groups) != array.ndim:
        raise UserError(
            f"{where} has the shape {[*array.shape]}, expected {len(groups)} axes, "
            f"{axes}; correct dataset.axes, or write all arrays alike"
        )
    shape: list[int] = []
    for group, length in zip(groups, array.shape, strict=True):
        shape += _lengths(group.strip("()"), length, size, where)
    letters = "".join(groups).replace("(", "").replace(")", "")
    order = [letters.index(letter) for letter in "NHWC" if letter in letters]
    return array.reshape(shape).transpose(order)


def _lengths(letters: str, length: int, size: tuple[int, int] | None, where: str) -> list[int]:
    if len(letters) == 1:
        return [length]
    side = math.isqrt(length // (3 if "C" in letters else 1))
    known = dict(zip("HW", size or (side, side), strict=True))
    known["C"] = length // max(known["H"] * known["W"], 1)
    lengths = [known[letter] for letter in letters]
    if math.prod(lengths) != length:
        given = f"dataset.size is {[*size]}" if size else "they are not square"
        raise UserError(
            f"{where} has images of {length} values in one axis, and {given}; give their height "
            "and width in pixels, such as dataset.size: [20, 28]"
        )
    return lengths


def of(shape: tuple[int, ...], where: str) -> str:
    """Return the axes of an array of this shape, as `images` takes them.

    Raises
    ------
    UserError
        If it can be no images, or may be read in several ways.
    """
    found = f"{where} has the shape {[*shape]}"
    if len(shape) == 2:
        return "N(HW)"
    if len(shape) == 3:
        first, second, third = shape
        if (first == second != third) or third > 2 * max(first, second):
            raise UserError(f"{found}, where the last axis may be that of the images; {_ASKED}")
        return "NHW"
    if len(shape) == 4:
        layouts = [
            axes for axes, count in (("NHWC", shape[3]), ("NCHW", shape[1])) if count in _CHANNELS
        ]
        if len(layouts) == 1:
            return layouts[0]
        raise UserError(f"{found}, where the axis of the channels is in doubt; {_ASKED}")
    raise UserError(f"{found}, expected [N, H, W], [N, P], or one axis more for channels; {_ASKED}")
