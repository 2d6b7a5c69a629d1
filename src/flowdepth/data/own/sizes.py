"""Images of one size, cut or scaled to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowdepth.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np


def fit(
    image: np.ndarray, size: tuple[int, int] | None, resize: str | None, where: str
) -> np.ndarray:
    """Return ``image`` [H, W] in the size asked for: its middle cut out, or scaled.

    Scaling is Pillow's bilinear one, which averages over the pixels that become one.

    Raises
    ------
    UserError
        If it has another size and nothing was said, or is smaller than what is to be cut out.
    """
    import numpy as np
    from PIL import Image

    if size is None or image.shape == tuple(size):
        return image
    (height, width), (rows, columns) = image.shape, size
    found = f"{where} has {height} x {width} pixels, and dataset.size is {[*size]}"
    if resize is None:
        raise UserError(f"{found}; tell how to get there: dataset.resize: scale or crop")
    if resize == "scale":
        picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
        return np.asarray(picture.resize((columns, rows), Image.Resampling.BILINEAR))
    if height < rows or width < columns:
        raise UserError(f"{found}, which cannot be cut out of it; use dataset.resize: scale")
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]
