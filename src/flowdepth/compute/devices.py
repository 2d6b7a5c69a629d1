"""Where a stage computes."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

import torch

from flowdepth.base.errors import UserError
from flowdepth.compute.locks import locked, runtime_folder

# glibc's mallopt parameters with the values asked for; 32 MiB is the most it takes for the second.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = (-1, 2**30), (-3, 2**25)
_SECONDS_BETWEEN_TRIES = 1.0


def select(name: str, threads: int, precision: str = "float32") -> torch.device:
    """Return the device called ``auto``, ``cpu`` or ``cuda``, set to reproducible results.

    ``precision`` ``tf32`` lets CUDA round the factors of float32 products to 10 bits; every other
    keeps their 23, also in convolutions, where torch by itself does not.

    Raises
    ------
    UserError
        If CUDA is asked for and there is none.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.set_num_threads(threads)
    _keep_freed_memory()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device: found cuda, but this machine shows torch no CUDA GPU; "
            "set device to auto or cpu, or run where there is one"
        )
    return torch.device(name) if name == "cpu" else _free_gpu()


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch compute on one thread, whose sums round as a stage's do, and then as before.

    Products are small: of two threads on a busy machine each waits for the other, which took
    importance sampling from 6 s to 40 s.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _free_gpu() -> torch.device:
    """Return a GPU for this process alone, the same one at every call."""
    index = claim(visible(torch.cuda.device_count()))
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def visible(count: int) -> list[str]:
    """Return the names of the ``count`` GPUs that this process may use, in the order of CUDA's."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if not names:
        return [str(index) for index in range(count)]
    return [name.strip() for name in names.split(",")][:count]


def claim(
    names: Sequence[str], folder: Path | None = None, log: Callable[[str], None] = print
) -> int:
    """Return the place in ``names`` of a GPU that no other job of this user's has, now locked.

    Waits until there is one. Snakemake counts GPUs but hands none out, also where it runs within an
    allocation of SLURM. There the names are the allocation's own: several on one node may each call
    a GPU of theirs 0.

    Raises
    ------
    UserError
        If the locks, by default in the user's `runtime_folder`, cannot be kept.
    """
    folder = folder or runtime_folder()
    allocation = quote(os.environ.get("SLURM_JOB_ID", "local"), safe="")
    waiting = False
    while True:
        for index, name in enumerate(names):
            # The names of MIG instances hold slashes.
            if locked(folder / f"flowdepth-{allocation}-gpu{quote(name, safe='')}.lock"):
                return index
        if not waiting:
            log(f"waiting for one of {len(names)} GPUs: other jobs have them all")
            waiting = True
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed: batches of one size would fault their pages in each time.

    This took importance sampling on the CPU from 25 s to 20 s.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(*_M_TRIM_THRESHOLD)
        libc.mallopt(*_M_MMAP_THRESHOLD)


def kind(device: torch.device) -> dict[str, str]:
    """Return by what results are rounded: a device's kind, and a CPU's instruction set.

    That is the one that torch computes with, such as AVX2, which another machine may lack.
    """
    if device.type == "cpu":
        return {"device": "cpu", "cpu_capability": torch.backends.cpu.get_cpu_capability()}
    return {"device": device.type}


def used(device: torch.device) -> dict[str, str | int | float]:
    """Return what `provenance.Job.write` is to be told of a device: its kind, name and peak."""
    facts: dict[str, str | int | float] = {**kind(device), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**20
        facts |= {
            "device_name": torch.cuda.get_device_name(device),
            "peak_memory_mb": round(peak, 1),
        }
    return facts
