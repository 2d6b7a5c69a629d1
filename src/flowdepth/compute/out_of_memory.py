"""What to do when memory is too small, a GPU's or the machine's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from flowdepth.base.errors import UserError
from flowdepth.base.machine import lacks_memory
from flowdepth.base.words import reason

T = TypeVar("T")
_SHORTAGES = (RuntimeError, MemoryError, OSError)


def halved(rows: int, work: Callable[[int], T]) -> T:
    """Return ``work(rows)``, with half as many rows as long as they do not fit the memory.

    Raises
    ------
    UserError
        If a single row does not fit.
    """
    while rows > 1:
        try:
            return work(rows)
        except _SHORTAGES as error:
            if not lacks_memory(error):
                raise
            print(
                f"{rows} rows at once do not fit {_whose(error)} memory; trying {rows // 2}",
                flush=True,
            )
        # Not before the exception is gone, whose traceback holds tensors.
        torch.cuda.empty_cache()
        rows //= 2
    with enough("a single row"):
        return work(rows)


@contextmanager
def enough(what: str, advice: str = "") -> Iterator[None]:
    """Say what does not fit the memory, and what else than a larger machine would help.

    Raises
    ------
    UserError
        If the block runs out of memory.
    """
    try:
        yield
    except _SHORTAGES as error:
        if not lacks_memory(error):
            raise
        or_cpu = ", or set device to cpu" if isinstance(error, torch.OutOfMemoryError) else ""
        raise UserError(
            f"{what} does not fit {_whose(error)} memory ({reason(error)}); {advice}free it of "
            f"other processes, or take a larger one{or_cpu}"
        ) from error


def _whose(error: BaseException) -> str:
    return "the GPU's" if isinstance(error, torch.OutOfMemoryError) else "this machine's"
