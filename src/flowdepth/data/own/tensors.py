"""Files that torch has saved: the tensors in them and nothing else. Imports torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


def tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name: of a pair, ``images`` and ``labels``.

    Without ``weights_only`` a file could run what it likes.
    """
    found = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    if isinstance(found, list | tuple):
        found = dict(zip(("images", "labels"), found, strict=False))
    named = found if isinstance(found, dict) else {"images": found}
    return {str(name): value for name, value in named.items() if isinstance(value, Tensor)}
