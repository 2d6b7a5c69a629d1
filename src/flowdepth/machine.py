"""What Snakemake asks of the machine, without torch."""

from __future__ import annotations

from pathlib import Path


def gpus() -> int:
    """Return how many NVIDIA GPUs the driver shows here."""
    return len([*Path("/dev").glob("nvidia[0-9]*")])
