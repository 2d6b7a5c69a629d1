"""Where the jobs of a study stand: Snakemake's own judgement, and what running ones last said.

What is done, missing or stale is asked of Snakemake, which decides on it when it runs the study.
Whether a job without results runs is seen from its heartbeat, a file beside its log; the log's last
line says what went wrong with one that does not.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from flowdepth.base import heartbeat
from flowdepth.base.errors import UserError
from flowdepth.study import layout, provenance

State = Literal["done", "running", "failed", "stopped", "waiting", "stale"]
STATES: tuple[State, ...] = get_args(State)
LOOKING = "FLOWDEPTH_LOOK"
"""Of the environment: set where Snakemake only plans, to tell how a study stands."""
# In the order of the data; other rules come last.
STAGES: tuple[str, ...] = ("prepare", "describe", "train", "evaluate", "certify", "exact", "gaps")
STAGES += ("summarise", "figures", "gap_figures", "posteriors", "tables", "report", "paper")
# From the start of a job's log to its heartbeat at most: it imports torch.
_SECONDS_TO_START = 120

OPENING = re.compile(r"process \d+ on \S+ since (\S+)")
_CAUSE = re.compile(r"error: |[\w.]+(Error|Exception|Interrupt)\b")
_STOP = re.compile(r"SIG[A-Z\d]+: ")
_REASON = re.compile(
    r"^Reason: (.*)\nShell command: exec (?:3>&2 )?&> (?:>\((?:trap .*?; exec )?tee )?(.*?)\)?; ",
    re.MULTILINE,
)
# What rules/start.smk says of results that do not belong to the study.
_UNFIT = "No longer of this study: "
# Parameters of rules that are stamps: names of modules or arrays, each with a hash.
_STAMPS = re.compile(r"'(?:[\w.]+@\w+ ?)+'")
_STAMP = re.compile(r"([\w.]+)@\w+")
_CHANGES = {
    "Code has changed": "code (a rule)",
    "Set of input files has changed": "depths or seeds",
    "Updated input files": "newer input",
    "Missing output files": "missing files",
}


@dataclass(frozen=True)
class Job:
    """One job of the study.

    Attributes
    ----------
    rule
        The stage.
    depth, pack
        Of a trained pack, and None for a stage of the whole study.
    log
        Where the job writes or will write.
    state, detail
        How it stands, and what a running job does, why one failed or is stale.
    """

    rule: str
    depth: int | None
    pack: str | None
    log: Path
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """What Snakemake's summary says of one job's outputs."""

    rule: str
    depth: int | None
    pack: str | None
    log: Path
    outputs: tuple[Path, ...]
    missing: bool
    pending: bool


@dataclass(frozen=True)
class Plan:
    """What Snakemake answered when it was asked at the time ``asked``, in seconds.

    Attributes
    ----------
    rows
        The jobs in the order of the data.
    reasons
        Why a job is to run, by its log.
    """

    rows: tuple[Row, ...]
    reasons: dict[Path, str]
    asked: float

    def jobs(self) -> list[Job]:
        """Return how the jobs stand now, from the files alone: Snakemake is not asked again."""
        rows = (row if not row.pending else look(row, self.asked) for row in self.rows)
        now = heartbeat.clock(self.rows[0].log.parent) if self.rows else 0.0
        return [judge(row, self.reasons.get(row.log, ""), now) for row in rows]

    @property
    def folder(self) -> Path:
        """The folder of the study's results."""
        return Path(*self.rows[0].log.parts[:2]) if self.rows else Path()

    def damage(self) -> list[str]:
        """Return what is wrong with each damaged file that a run would refuse."""
        folders = {Path(*path.parts[:2]) for row in self.rows for path in row.outputs}
        faults = [str(fault) for folder in folders for fault in provenance.damage(folder)]
        return [*dict.fromkeys(faults)]


def read_plan(options: Sequence[str]) -> Plan:
    """Return the plan of the study that ``snakemake`` with these options makes.

    Its files are those of the folder that ``--directory`` names, which becomes the working one.

    Raises
    ------
    UserError
        If Snakemake refuses the study, with what it says.
    """
    asked = time.time()
    processes = [_ask(options, *words) for words in (["--summary"], ["-n", "--printshellcmds"])]
    summary, plan = (_answer(process) for process in processes)
    rows = sorted(summary_rows(summary), key=lambda row: (_place(row.rule), row.depth or 0))
    reasons = {Path(log): reason for reason, log in _REASON.findall(plan)}
    os.chdir(_directory(options))
    return Plan(tuple(rows), reasons, asked)


def _directory(options: Sequence[str]) -> Path:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    directory: Path = parser.parse_known_args(options)[0].directory
    return directory


def look(row: Row, asked: float) -> Row:
    """Return a row as its outputs are now: made since ``asked``, they need not be made again."""
    try:
        newest = max(path.stat().st_mtime for path in row.outputs)
    except OSError:
        return replace(row, missing=True)
    return replace(row, missing=False, pending=newest < asked)


def _place(rule: str) -> int:
    return STAGES.index(rule) if rule in STAGES else len(STAGES)


def _ask(options: Sequence[str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "snakemake", *options, *words]
    return subprocess.Popen(
        command,
        env={**os.environ, LOOKING: "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _answer(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    if process.returncode:
        raise UserError(f"snakemake cannot plan this study:\n{said.strip()}")
    return said


def summary_rows(summary: str) -> Iterator[Row]:
    """Yield a row per job from the table, a line per output, of ``snakemake --summary``."""
    lines = [line.split("\t") for line in summary.splitlines() if line.count("\t") == 5]
    outputs: dict[tuple[str, Path], list[list[str]]] = {}
    for line in lines[1:]:
        outputs.setdefault((line[2], _log(line[0], line[2])), []).append(line)
    for (rule, log), of_job in outputs.items():
        depth, pack = layout.cell_of(Path(of_job[0][0])) or (None, None)
        yield Row(
            rule=rule,
            depth=depth,
            pack=pack,
            log=log,
            outputs=tuple(Path(line[0]) for line in of_job),
            missing=any(line[4] == "missing" for line in of_job),
            pending=any(line[5] == "update pending" for line in of_job),
        )


def _log(output: str, rule: str) -> Path:
    """Return where the rule that makes ``output`` writes its log."""
    cell = layout.cell_of(Path(output))
    return layout.log(Path(*Path(output).parts[:2]), rule, layout.cell(*cell) if cell else "")


def judge(row: Row, reason: str, now: float) -> Job:
    """Return how a job stands at the time ``now``, with Snakemake's reason to run it, if any.

    ``now`` is the time by the clock of the logs' file system, in seconds since the epoch.
    """
    state, detail = _state(row, reason, now)
    return Job(row.rule, row.depth, row.pack, row.log, state, detail)


def _state(row: Row, reason: str, now: float) -> tuple[State, str]:
    if not row.pending:
        return "done", ""
    lines = _lines(row.log)
    beat = heartbeat.read(heartbeat.beside(row.log))
    if beat is not None and beat.lives(now):
        said = [line for line in lines or () if not OPENING.fullmatch(line)]
        return "running", beat.doing or (said or ["starts"])[-1]
    if lines is not None and _starts(row.log, lines, now):
        return "running", "starts"
    if not row.missing:
        return "stale", why(reason)
    last = lines[-1] if lines else ""
    if _CAUSE.match(last):
        return "failed", last
    # The log alone may be of a job that ended well and whose results are to be made again.
    if beat is not None or _was_stopped(row, lines or []):
        return "stopped", last
    return "waiting", ""


def _was_stopped(row: Row, lines: Sequence[str]) -> bool:
    """Say whether a signal ended a job: its log says so, or it left unfinished work."""
    folders = {path.parent for path in row.outputs}
    left = any(layout.unfinished(row.rule, folder).exists() for folder in folders)
    return left or ends_by_a_signal(lines)


def ends_by_a_signal(lines: Sequence[str]) -> bool:
    """Say whether a log's last lines tell of a signal that its job obeyed."""
    return any(_STOP.match(line) for line in lines[-2:])


def _lines(log: Path) -> list[str] | None:
    """Return the lines of a log that are not blank; None where there is no log."""
    text = text_of(log)
    return None if text is None else [x.strip() for x in text.splitlines() if x.strip()]


def text_of(log: Path) -> str | None:
    """Return what a log says; None where there is none."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _starts(log: Path, lines: list[str], now: float) -> bool:
    """Say whether a job without a heartbeat has yet to come to it, whatever its imports print."""
    young = now - log.stat().st_mtime < _SECONDS_TO_START
    return young and not any(OPENING.fullmatch(x) or _CAUSE.match(x) for x in lines)


def why(reason: str) -> str:
    """Return Snakemake's reason to make results again in the words of a study."""
    if reason.startswith(_UNFIT):
        return reason.removeprefix(_UNFIT)
    # Between its parts Snakemake writes what a setting may hold as well.
    parts = re.split(rf"; (?={'|'.join(_CHANGES)}|Params have changed|Input files)", reason)
    found = [words for part in parts for start, words in _CHANGES.items() if part.startswith(start)]
    changed = [_parameters(part) for part in parts if part.startswith("Params have changed")]
    return ", ".join(changed + found) or "an earlier stage runs first"


def _parameters(reason: str) -> str:
    """Return which stamps differ by name, and whether anything but stamps does."""
    before, _, now = reason.partition(": before:")[2].partition(" now:")
    old, new = (
        {stamp[0]: stamp[1] for text in _STAMPS.findall(side) for stamp in _STAMP.finditer(text)}
        for side in (before, now)
    )
    names = {(old | new)[stamp] for stamp in old.keys() ^ new.keys()}
    code = sorted(name.removeprefix("flowdepth.") for name in names if "." in name)
    data = sorted(name for name in names if "." not in name)
    rest = _STAMPS.sub("", f"{before}{now}").replace("<nothing exclusive>", "").strip(" ,")
    kinds = {f"code ({', '.join(code)})": code, f"data ({', '.join(data)})": data, "settings": rest}
    return ", ".join(kind for kind, there in kinds.items() if there)
