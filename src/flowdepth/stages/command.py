"""What every stage's command line shares."""

from __future__ import annotations

import sys
from collections.abc import Callable

from flowdepth.errors import UserError


def run(stage: Callable[[], None]) -> None:
    """Run a stage; a mistake its user can mend ends in one message and exit code 1."""
    try:
        stage()
    except UserError as error:
        sys.exit(f"error: {error}")
