"""From numbers of any type to grey levels, in one way for all splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowdepth.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# Images whose brightest pixel is so many times darker than white have another white.
_DARKER = 8
_FEW = 0.02  # of the pixels of drawings or masks


def levels(
    pools: dict[str, np.ndarray], white: float | None, path: object
) -> tuple[dict[str, np.ndarray], int]:
    """Return the images as uint8 levels from 0, and how many levels there are.

    ``white`` is the largest value that there may be. Without it, it is 1 where no value exceeds 1,
    255 where none exceeds 255, and 65535 for other integers. Whole values up to a white of at most
    255 stay as they are; others are spread over 256 levels and rounded.

    Raises
    ------
    UserError
        If values are negative, not finite or beyond white, or what white is stays in doubt.
    """
    import numpy as np

    for name, pool in pools.items():
        _check_numbers(pool, f"{path}: the array {name}")
    _check_one_range(pools, path)
    top = max(float(pool.max()) for pool in pools.values())
    whole = all((pool == np.rint(pool)).all() for pool in pools.values())
    white = _white(top, whole, path) if white is None else white
    if top > white:
        raise UserError(
            f"{path}: found values up to {top:g}, expected none above dataset.white, {white:g}; "
            "raise it"
        )
    if whole and white <= 255 and white == round(white):
        kept = {name: pool.astype(np.uint8) for name, pool in pools.items()}
        return kept, round(white) + 1
    spread = {name: np.rint(pool * (255 / white)) for name, pool in pools.items()}
    return {name: pool.astype(np.uint8) for name, pool in spread.items()}, 256


def cast_of_floats(pools: dict[str, np.ndarray], levels: int) -> bool:
    """Return whether images look like floats up to 1 that became integers: nearly all pixels 0."""
    ones = sum(int(pool.sum(dtype=int)) for pool in pools.values())
    return levels == 2 and ones < _FEW * sum(pool.size for pool in pools.values())


def _white(top: float, whole: bool, path: object) -> float:
    if top <= 1:
        return 1
    white = 255 if top <= 255 else 65535
    if top * _DARKER < white or top > white or (white > 255 and not whole):
        raise UserError(
            f"{path}: found {'whole ' if whole else ''}values up to {top:g}, expected up to 1, 255 "
            f"or 65535; tell which value is white, such as dataset.white: {top:g}"
        )
    return white


def _check_numbers(pool: np.ndarray, found: str) -> None:
    import numpy as np

    if pool.dtype.kind == "f" and not np.isfinite(pool).all():
        raise UserError(f"{found} holds values that are not finite; replace them")
    if pool.min() < 0:
        raise UserError(
            f"{found} holds values from {pool.min():g} to {pool.max():g}, expected none below 0; "
            "shift and scale them to run from 0 to 1, or from 0 to 255"
        )


def _check_one_range(pools: dict[str, np.ndarray], path: object) -> None:
    tops = {name: float(pool.max()) for name, pool in pools.items()}
    most, least = max(tops, key=lambda name: tops[name]), min(tops, key=lambda name: tops[name])
    if tops[most] > 1 and max(tops[least], 1) * _DARKER < tops[most]:
        raise UserError(
            f"{path}: found values up to {tops[most]:g} in the array {most} but up to "
            f"{tops[least]:g} in {least}, expected one range; multiply those of {least} to fill it"
        )
