"""What every stage's command line shares.

A stage that ends well exits with 0, one that met a mistake its user can mend with 1. One that
SIGTERM, SIGUSR1 or SIGINT told to stop saves what it has computed and exits with 75, the
``EX_TEMPFAIL`` of ``sysexits.h``: run again, it goes on from there. Where the environment sets
``FLOWDEPTH_REQUEUE`` and the stage runs in a SLURM job, it has SLURM requeue that job instead, and
waits for its end: a job that exits by itself would count as failed.

Where the environment's ``FLOWDEPTH_HEARTBEAT`` names a file, the stage keeps its heartbeat there.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flowdepth.base import heartbeat
from flowdepth.base.errors import StoppedError, UserError
from flowdepth.settings.study import TrainSettings

INTERRUPTED = 75
# Longer than SLURM takes to end a job that it requeues.
_SECONDS_TO_THE_END = 600


def run(stage: Callable[[], None]) -> None:
    """Run a stage with a log and a heartbeat of its own, `guarded`."""
    guarded(partial(_alive, stage))


def _alive(stage: Callable[[], None]) -> None:
    path = os.environ.get(heartbeat.VARIABLE)
    with heartbeat.Heartbeat(Path(path)) if path else nullcontext():
        # After the first beat: a job with an open log and no heartbeat has ended.
        _open_log()
        stage()


def guarded(stage: Callable[[], None]) -> None:
    """Turn a user's mistake, and a signal to stop, into message and exit code."""
    try:
        stage()
    except UserError as error:
        sys.exit(f"error: {error}")
    except StoppedError as stopped:
        _leave(str(stopped))


def _open_log() -> None:
    """Print which process the log is of."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        print(f"process {os.getpid()} on {platform.node()} since {since}", flush=True)


def _leave(message: str) -> None:
    _say(message)
    with suppress(OSError):  # no scontrol here
        _requeue()
    # `sys.exit` would find the same log closed, and exit with another code.
    os._exit(INTERRUPTED)


def _requeue() -> None:
    job = os.environ.get("SLURM_JOB_ID")
    if job and os.environ.get("FLOWDEPTH_REQUEUE"):
        _say(f"asking SLURM to requeue job {job}")
        if subprocess.run(["scontrol", "requeue", job]).returncode == 0:
            time.sleep(_SECONDS_TO_THE_END)


def _say(message: str) -> None:
    with suppress(OSError):  # whoever reads the log may have been told to stop as well
        print(message, flush=True)


def add_pack(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which trained pack a stage expects to find in ``--model``."""
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--trained", required=True, help="model, flow, objective, training (JSON)")


def pack(args: argparse.Namespace) -> tuple[TrainSettings, int, tuple[int, ...]]:
    """Return the settings, depth and seeds that `add_pack` asked for."""
    return TrainSettings.model_validate_json(args.trained), args.depth, tuple(args.seeds)
