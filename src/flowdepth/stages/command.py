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
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from flowdepth.base import heartbeat
from flowdepth.base.errors import StoppedError, UserError
from flowdepth.base.files import NO_ROOM
from flowdepth.base.machine import lacks_memory
from flowdepth.base.words import escape_output, reason
from flowdepth.report import registry
from flowdepth.settings.messages import describe
from flowdepth.settings.sections import Dataset
from flowdepth.settings.study import Study
from flowdepth.study.packs import folders
from flowdepth.study.provenance import Recorder

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
    escape_output()
    try:
        stage()
    except UserError as error:
        if _is_full(error.__context__):
            _tell_terminal(f"error: {error}")
        sys.exit(f"error: {error}")
    except (MemoryError, RuntimeError, OSError) as error:
        if _is_full(error):
            message = (
                "error: what the job says could not be written (No space left on device); it needs "
                "room on the disk of its log: make some, then run again"
            )
            _tell_terminal(message)
            sys.exit(message)
        if not lacks_memory(error):
            raise
        sys.exit(
            f"error: this needs more memory than there is ({reason(error)}); free it of other "
            "processes, or take a larger machine"
        )
    except StoppedError as stopped:
        _leave(str(stopped))
    except KeyboardInterrupt:
        _leave("SIGINT: nothing to save; run again")


def _is_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in NO_ROOM


def _tell_terminal(message: str) -> None:
    """Write to the terminal what a full disk may keep out of the log."""
    terminal = os.environ.get("FLOWDEPTH_TERMINAL")
    if terminal:
        with suppress(OSError):
            os.write(int(terminal), f"{message}\n".encode())


def _open_log() -> None:
    """Print which process the log is of."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        print(f"process {os.getpid()} on {platform.node()} since {since}", flush=True)


def _leave(message: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # or a second one would be a traceback
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


class StudyCommand(NamedTuple):
    """What a stage of the whole study is told: the study, as JSON too, and its folder."""

    study: Study
    settings: str
    folder: Path
    threads: int

    @property
    def packs(self) -> list[Path]:
        """The folders of all packs."""
        return folders(self.study, self.folder)

    def recorder(self, stage: str, inputs: Sequence[Path]) -> Recorder:
        """Return the recorder of this job."""
        return Recorder(stage, inputs, self.settings, registry.code(self.study, stage))


def study_command(description: str | None, words: Sequence[str] | None = None) -> StudyCommand:
    """Read the command line of a stage of the whole study."""
    parser = argparse.ArgumentParser(description=description)
    add_study(parser, "the study as JSON")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(words)
    study = Study.model_validate_json(args.settings)
    return StudyCommand(study, args.settings, args.study, args.threads)


def add_study(parser: argparse.ArgumentParser, settings: str) -> None:
    """Add the options that every stage has."""
    parser.add_argument("--study", type=Path, required=True, help="folder results/<study>")
    parser.add_argument("--settings", required=True, help=settings)


def dataset_command(
    description: str | None, words: Sequence[str] | None = None
) -> tuple[Dataset, Path]:
    """Read the command line of a stage on the data set; return it and the study's folder.

    Raises
    ------
    UserError
        If the settings are not those of a data set.
    """
    parser = argparse.ArgumentParser(description=description)
    add_study(parser, "the section dataset as JSON")
    parser.add_argument("--root", default=Dataset().root, help="where the data lie")
    args = parser.parse_args(words)
    try:
        dataset = Dataset.model_validate_json(args.settings)
    except ValidationError as error:
        details = "; ".join(describe(mistake, Dataset) for mistake in error.errors())
        raise UserError(
            f"--settings: found {args.settings}, expected the section dataset as JSON ({details})"
        ) from None
    return dataset.model_copy(update={"root": args.root}), args.study
