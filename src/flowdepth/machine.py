"""What the Snakefile asks of the machine, without torch."""

from __future__ import annotations

from pathlib import Path


def shows_gpu() -> bool:
    """Return whether the driver shows an NVIDIA GPU here."""
    return any(Path("/dev").glob("nvidia[0-9]*"))
