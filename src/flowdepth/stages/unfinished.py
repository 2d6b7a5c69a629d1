"""Where a stage that takes minutes keeps its unfinished work: a file that no rule declares."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from flowdepth.compute.resume import INTERVAL, Sidecar
from flowdepth.study.provenance import Job


def add_interval(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--save-every``."""
    parser.add_argument(
        "--save-every",
        type=float,
        default=INTERVAL,
        metavar="SECONDS",
        help="between two saves of unfinished work, beside the outputs (default: %(default)g)",
    )


def sidecar(
    job: Job, output: Path, interval: float, device: torch.device, read: Sequence[Path]
) -> Sidecar:
    """Return the sidecar of a job, beside its ``output``.

    Nothing goes on from it with other settings or code, other contents of the files ``read``, or
    another torch or device type.
    """
    identity = {
        **job.facts,
        "code": job.code,
        "torch": torch.__version__,
        "device": device.type,
        "inputs": [job.inputs[path] for path in read],
    }
    path = output.with_name(f"{job.facts['stage']}_unfinished.safetensors")
    return Sidecar(path, identity, interval, partial(print, flush=True))
