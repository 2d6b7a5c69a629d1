"""Where a stage that takes minutes keeps its unfinished work: a file that no rule declares."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch

from flowdepth.files import digest
from flowdepth.resume import INTERVAL, Sidecar
from flowdepth.stamps import stamp


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
    stage: str,
    output: Path,
    interval: float,
    device: torch.device,
    inputs: list[Path],
    **settings: object,
) -> Sidecar:
    """Return the sidecar of a stage, beside its ``output``.

    Nothing goes on from it with other settings, inputs or code, or another torch or device type.
    """
    identity = {
        "code": stamp(stage),
        "torch": torch.__version__,
        "device": device.type,
        "inputs": [digest(path) for path in inputs],
        **{name: str(setting) for name, setting in settings.items()},
    }
    path = output.with_name(f"{stage}_unfinished.safetensors")
    return Sidecar(path, identity, interval, partial(print, flush=True))
