"""What a run says in the terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from checkout import QUICK, Checkout

LINE = re.compile(r"(\d\d:\d\d:\d\d|         )  ?\S.*")


@pytest.fixture(scope="module")
def study(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return finished.copy(tmp_path_factory.mktemp("terminal") / "study")


def lines(study: Checkout, *words: str) -> list[str]:
    done = study.snakemake(*words)
    return (done.stdout + done.stderr).splitlines()


def test_each_job_is_told_when_it_starts_and_ends(study: Checkout) -> None:
    said = lines(study, "K0", *QUICK, "--forcerun", "train")
    told = [re.sub(r"(\d+ min )?\d+ s", "1 s", line[10:]) for line in said if LINE.fullmatch(line)]
    assert told[:2] == [
        "train K = 0, seeds 0+1",
        "done: train K = 0, seeds 0+1 (1 s); 1 of 2 jobs done, 50 %",
    ]
    assert told[3].endswith("; 2 of 2 jobs done, 100 %, in 1 s")
    assert told[4] == "K = 0 is done; `snakemake` brings the report up to date"
    assert "2 jobs: train, evaluate" in said
    assert not [line for line in said if "epoch" in line or "Resource(" in line]
    assert "\x1b" not in "".join(said)
    assert "epoch 2" in (study.results / "logs" / "train" / "K0_seeds0+1.log").read_text()


def test_failed_job_is_told_with_its_log(study: Checkout) -> None:
    named = ("--config", "name=refused", "device=cuda", "--until", "train")
    said = "\n".join(lines(study, *QUICK, *named))
    log = "results/refused/logs/train/K2_seeds0+1.log"
    assert f"failed: train K = 2, seeds 0+1, log {log}; 1 of 3 jobs done, 33 %" in said
    assert "          error: device: found cuda" in said
    assert said.count("error: device: found cuda") == 2
    assert "CalledProcessError" not in said
    quiet = lines(study, *QUICK, *named, "--quiet")
    assert any(f"failed: train, log {log}" in line for line in quiet)


def test_finished_study_has_nothing_to_do(finished: Checkout) -> None:
    said = lines(finished, *QUICK)
    assert said[-1].startswith("Nothing to be done")
    assert len(said) < 6


def test_details_that_are_asked_for_are_those_of_snakemake(study: Checkout) -> None:
    for option in ("--dry-run", "--printshellcmds"):
        said = "\n".join(lines(study, "verify", *QUICK, option))
        assert "Job stats:" in said


def test_progress_is_one_line_of_a_terminal(study: Checkout) -> None:
    shown = _on_a_terminal(study, "report", *QUICK, "--forcerun", "figures")
    jobs = [line for line in shown if re.match(r"\d\d:", line)]
    number = len(jobs) // 2
    assert [line for line in shown if " jobs done" in line] == shown[-2:-1]
    assert shown[-2].startswith(f"{number} of {number} jobs done, 100 %, in ")
    assert shown[-3].startswith("The report is written: ")


def _on_a_terminal(study: Checkout, *words: str) -> list[str]:
    """Return the lines that are left on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "snakemake", *words]
    environment = {**study.environment, "TERM": "xterm"}
    with subprocess.Popen(
        command, cwd=study.folder, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        said = b"".join(_chunks(ours))
    assert process.returncode == 0, said
    lines = said.decode().replace("\r\n", "\n").split("\n")
    return [line.split("\x1b[2K")[-1] for line in lines if line]


def _chunks(terminal: int) -> list[bytes]:
    chunks = []
    while True:
        try:
            chunks.append(os.read(terminal, 4096))
        except OSError:  # the other end is closed
            return chunks
