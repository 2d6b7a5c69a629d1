"""From images with channels to grey ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowdepth.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# Of ITU-R BT.601, as everywhere where pictures are made grey.
_LUMINANCE = (0.299, 0.587, 0.114)
_CHOICES = ("red", "green", "blue")


def grey(images: np.ndarray, colour: str | None, where: str) -> np.ndarray:
    """Return grey images [...] of ``images`` [..., C]: a grey or colour channel, perhaps an alpha.

    Channels that are all the same are grey already; ``colour`` says what becomes of others.

    Raises
    ------
    UserError
        If they are coloured and nothing was said, or transparent.
    """
    import numpy as np

    channels = images.shape[-1]
    if channels in (2, 4):
        alpha, images = images[..., -1], images[..., :-1]
        if alpha.min() != alpha.max():
            raise UserError(
                f"{where} is transparent in places, expected opaque pixels; lay it on a ground of "
                "one colour and write it again"
            )
    first: np.ndarray = images[..., 0]
    if all((images[..., channel] == first).all() for channel in range(1, images.shape[-1])):
        return first
    if colour is None:
        raise UserError(
            f"{where} is coloured; choose what a model sees: dataset.colour: grey (luminance), "
            "red, green or blue"
        )
    if colour in _CHOICES:
        chosen: np.ndarray = images[..., _CHOICES.index(colour)]
        return chosen
    luminance: np.ndarray = images.astype(np.float64) @ np.array(_LUMINANCE)
    return luminance if images.dtype.kind == "f" else np.rint(luminance).astype(images.dtype)
