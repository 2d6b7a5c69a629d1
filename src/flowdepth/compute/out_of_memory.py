"""What to do when a GPU's memory is too small."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from flowdepth.base.errors import UserError

T = TypeVar("T")


def halved(rows: int, work: Callable[[int], T]) -> T:
    """Return ``work(rows)``, with half as many rows as long as they do not fit a GPU's memory.

    Raises
    ------
    UserError
        If a single row does not fit.
    """
    while rows > 1:
        try:
            return work(rows)
        except torch.OutOfMemoryError:
            print(
                f"{rows} rows at once do not fit the GPU's memory; trying {rows // 2}", flush=True
            )
        # Not before the exception is gone, whose traceback holds tensors.
        torch.cuda.empty_cache()
        rows //= 2
    with enough("a single row"):
        return work(rows)


@contextmanager
def enough(what: str, advice: str = "") -> Iterator[None]:
    """Say what does not fit a GPU's memory, and what else than a larger GPU would help.

    Raises
    ------
    UserError
        If the block runs out of memory.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = " ".join(str(error).split(". ")[:2])
        raise UserError(
            f"{what} does not fit the GPU's memory ({reason}); {advice}free it of other processes, "
            "take a larger one, or set device to cpu"
        ) from error
