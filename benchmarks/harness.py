"""One process a contender, measured in turn, so that the machine's noise hits all alike."""

from __future__ import annotations

import functools
import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import torch

from benchmarks.clock import seconds
from benchmarks.contenders import contender
from benchmarks.contenders.base import Contender
from benchmarks.work import BATCH, Sizes, images

SIZES = Sizes()
# Decoder rows at once where memory is compared, about what flowdepth takes on the CPU.
MEMORY_ROWS = 4000


class Task(NamedTuple):
    """What is measured: ``work`` is train or sample."""

    contender: str
    amortised: bool
    depth: int
    work: str


class Amount(NamedTuple):
    """How much of it: updates of a training, images and samples of an importance sampling."""

    updates: int = 50
    images: int = 16
    samples: int = 1000

    def items(self, work: str) -> int:
        """Return the images trained on, or the image-samples drawn."""
        return self.updates * BATCH if work == "train" else self.images * self.samples


def process() -> ProcessPoolExecutor:
    """Return a process of its own; it ends with the ``with`` block around it."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


def measure(task: Task, amount: Amount) -> tuple[float, int]:
    """Return the rate, items in a second, and the decoder rows at once; 0 is no choice made.

    A short run of the same kind comes first.
    """
    chosen = _prepared(task)
    rows = _fastest_rows(task, amount) if task.work == "sample" else 0
    _run(chosen, task.work, rows, amount._replace(updates=2, images=1))
    return amount.items(task.work) / _run(chosen, task.work, rows, amount), rows


def peak_memory(task: Task, amount: Amount) -> tuple[float, float]:
    """Return the process's largest resident set in MiB before the work and after it."""
    chosen = _prepared(task)
    before = _resident()
    rows = MEMORY_ROWS if MEMORY_ROWS in chosen.rows else chosen.rows[-1]
    _run(chosen, task.work, rows, amount)
    return before, _resident()


def _prepared(task: Task) -> Contender:
    torch.manual_seed(0)
    chosen = contender(task.contender, task.depth, task.amortised, SIZES)
    chosen.prepare_process()
    return chosen


def _run(chosen: Contender, work: str, rows: int, amount: Amount) -> float:
    """Do the work; return its seconds."""
    if work == "train":
        x = images(amount.updates * BATCH, SIZES)
        return seconds(lambda: chosen.train(x))
    x = images(amount.images, SIZES)
    return seconds(lambda: chosen.log_p(x, amount.samples, rows))


@functools.cache
def _fastest_rows(task: Task, amount: Amount) -> int:
    chosen = _prepared(task)
    if len(chosen.rows) == 1:
        return chosen.rows[0]
    return min(chosen.rows, key=lambda rows: _run(chosen, "sample", rows, amount))


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sgemm_rate(rows: int, inner: int, columns: int) -> float:
    """Return the floating-point operations in a second of a float32 product on one thread."""
    torch.set_num_threads(1)
    a, b = torch.rand(rows, inner), torch.rand(inner, columns)
    out = torch.empty(rows, columns)
    flops = 2 * rows * inner * columns
    times = max(1, round(1e10 / flops))
    torch.mm(a, b, out=out)
    return times * flops / seconds(lambda: [torch.mm(a, b, out=out) for _ in range(times)])
