from __future__ import annotations

import asyncio
import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.cluster import submission
from flowdepth.cluster.submission import Submission

HERE = Submission("digits", Path("/home/me/flowdepth"), "old code")


def line(job: int, of: Submission) -> str:
    return f"{job}|{of.prefix}_0b5e6f3c-run|{of.folder}"


def test_study_with_jobs_in_the_queue_is_refused() -> None:
    queue = "\n".join([line(7, HERE), line(8, HERE), "9|other|/home/me/flowdepth"])
    with pytest.raises(UserError, match=r"study digits .*\(jobs: 2\)(.|\n)*\n  scancel 7 8\n"):
        replace(HERE, code="new code").check(queue)


def test_edited_code_is_refused_while_jobs_wait() -> None:
    with pytest.raises(UserError, match=r"other code(.|\n)*\n  scancel 7\n"):
        Submission("mnist", HERE.folder, "new code").check(line(7, HERE))


OTHERS = {
    "of another study, same code": replace(HERE, study="mnist"),
    "of another clone": replace(HERE, folder=Path("/home/me/clone"), code="new code"),
    "of a study whose name begins alike": replace(HERE, study="digits-0"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_jobs_in_nobodys_way_stop_no_study(other: Submission) -> None:
    HERE.check(line(7, other) + "\n8|wrap|/home/me/flowdepth\n")


def test_prefix_fits_snakemake_and_tells_long_names_apart() -> None:
    longest = replace(HERE, study="a" * 100).prefix
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,50}", longest)
    assert longest != replace(HERE, study="a" * 99).prefix


def test_job_refuses_other_code_than_it_was_submitted_with(monkeypatch: pytest.MonkeyPatch) -> None:
    submission.check_code("new code")
    monkeypatch.setenv(submission.CODE_VARIABLE, submission.short_hash("old code"))
    submission.check_code("old code")
    with pytest.raises(UserError, match="code has changed"):
        submission.check_code("new code")


def test_unanswered_queue_stops_the_submission(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    squeue = tmp_path / "squeue"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    squeue.write_text("#!/bin/sh\necho cannot reach the controller >&2\nexit 1\n")
    squeue.chmod(0o755)
    with pytest.raises(UserError, match=r"squeue: .*cannot reach the controller"):
        submission.queue()
    squeue.write_text("#!/bin/sh\necho '7|name|/folder'\n")
    assert submission.queue() == "7|name|/folder\n"


def test_jobs_are_kept_where_slurm_does_not_answer() -> None:
    async def ask(command: str, logger: logging.Logger) -> submission.States:
        return ({"7": "RUNNING"}, 0.1) if command == "squeue" else (None, None)

    kept = submission.keep_unanswered(ask)
    logger = logging.getLogger()
    assert asyncio.run(kept("squeue", logger)) == ({"7": "RUNNING"}, 0.1)
    assert asyncio.run(kept("sacct", logger)) == ({}, 0.0)
