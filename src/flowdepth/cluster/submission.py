"""What this study has in SLURM's queue already, told by the names of its jobs.

A job is called ``<study>-<place>-<code>_<run>``: ``place`` stands for the study in its folder,
``code`` for what the jobs compute with. The Snakefile asks here.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from flowdepth.base.errors import UserError

# The state of each job by its id, and the seconds that SLURM took to tell; None for no answer.
States = tuple[dict[str, str] | None, float | None]
Asked = Callable[..., Awaitable[States]]

# Carries the code to the jobs, which start later and read the working tree again.
CODE_VARIABLE = "FLOWDEPTH_CODE"
# Where it is set, a study is submitted whatever the queue holds.
FORCE_VARIABLE = "FLOWDEPTH_FORCE_SUBMIT"
_NAME = re.compile(r".+-(?P<place>[0-9a-f]{8})-(?P<code>[0-9a-f]{8})_")
_LONGEST_STUDY = 20


@dataclass(frozen=True)
class Submission:
    """A study about to be submitted from ``folder`` with ``code``, a text of any length."""

    study: str
    folder: Path
    code: str

    @property
    def prefix(self) -> str:
        """What the names of its jobs begin with."""
        return f"{self.study[:_LONGEST_STUDY]}-{self._place}-{short_hash(self.code)}"

    @property
    def _place(self) -> str:
        return short_hash(f"{self.folder}\n{self.study}")

    def check(self, queue: str) -> None:
        """Stop before jobs in ``queue`` are submitted again, or would meet other code.

        ``queue`` holds a line ``id|name|folder`` for each job, as `queue` returns.

        Raises
        ------
        UserError
            Naming the jobs and the command that cancels them.
        """
        again, stale = [], []
        for line in queue.splitlines():
            job, name, folder = line.split("|", 2)
            found = _NAME.match(name)
            if found and found["place"] == self._place:
                again.append(job)
            elif found and folder == str(self.folder) and found["code"] != short_hash(self.code):
                stale.append(job)
        if again:
            raise UserError(_already_there(self.study, again))
        if stale:
            raise UserError(_other_code(stale))


def _already_there(study: str, jobs: list[str]) -> str:
    return (
        f"study {study} is in the queue already (jobs: {len(jobs)}) and would compute the same "
        f"twice; wait until they are done, or cancel them with\n  scancel {' '.join(jobs)}\n"
        f"and run again ({FORCE_VARIABLE}=1 submits beside them)"
    )


def _other_code(jobs: list[str]) -> str:
    return (
        f"from this folder jobs were submitted with other code ({len(jobs)}), and those that have "
        "not started will refuse to run with what is here now; take the edit back, work in a "
        f"clone of its own, or cancel them with\n  scancel {' '.join(jobs)}\n"
        f"({FORCE_VARIABLE}=1 submits nevertheless)"
    )


def queue() -> str:
    """Return this user's jobs, a line ``id|name|folder`` each.

    Raises
    ------
    UserError
        If SLURM does not answer.
    """
    words = ["squeue", "--me", "--noheader", "--format=%i|%j|%Z"]
    try:
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", None) or error
        raise UserError(
            f"squeue: SLURM did not say what is in its queue ({str(told).strip()}); expected its "
            "list of jobs; run where `squeue` works, once it does"
        ) from error


def keep_unanswered(ask: Asked) -> Asked:
    """Return ``ask``, which has nothing to tell of any job where SLURM does not answer.

    The executor (2.8.0) forgets all jobs that run when its question fails, as while the controller
    is away, and the study waits for them without end. Those of which nothing is told it asks for
    again.
    """

    async def answered(*words: object) -> States:
        states, seconds = await ask(*words)
        return states or {}, seconds or 0.0

    return answered


def check_code(code: str) -> None:
    """Stop a job that was submitted with other code than the working tree holds now.

    Its results would be recorded as those of the code it was submitted with.

    Raises
    ------
    UserError
        If the code differs.
    """
    here = short_hash(code)
    submitted = os.environ.get(CODE_VARIABLE, here)
    if submitted != here:
        raise UserError(
            f"the code has changed since this job was submitted: found {here}, expected "
            f"{submitted}; take the edit back, or cancel the study's jobs and run it again"
        )


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that stand for ``text``."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
