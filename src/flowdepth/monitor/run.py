"""What a run of Snakemake tells in the terminal: of each job, and how far the study is.

All else that Snakemake says of a run is in its own log, and what jobs say is in theirs.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowdepth.base.words import duration
from flowdepth.monitor.jobs import ends_by_a_signal, text_of
from flowdepth.monitor.left import left, seconds_left

# Of the log of a failed job; its last line says what went wrong.
LINES = 30
# Rules that only gather files.
_TARGET = re.compile(r"all|K\d+")
_TOTAL = re.compile(r"^total +\d+\n", re.MULTILINE)
_NOISE = re.compile(
    r"Assuming unrestricted shared|Building DAG of jobs|Using shell: |Select jobs to execute"
    r"|Config file \S+ is \S+ by |(Conda environments|Singularity containers): ignored"
    r"|Removing output files of failed job|Trying to restart job \d|Job \d+ has been submitted"
    r"|Exiting because a job execution failed|Complete log\(s\): |Elapsed time: "
    # The job's own words stand above.
    r"|RuleException:\s+CalledProcessError in file "
)


def is_noise(text: str) -> bool:
    """Return whether something that Snakemake says is for its log alone."""
    return _NOISE.match(text) is not None


@dataclass(frozen=True)
class _Job:
    stage: str
    title: str
    logs: Sequence[str]
    began: float


class Run:
    """The jobs of one run, as Snakemake tells of them; times are in seconds since the epoch.

    Attributes
    ----------
    appends
        Whether the end of a job tells the progress, too: there is no line to write over.
    """

    def __init__(self, appends: bool) -> None:
        self.appends = appends
        self._total, self._done, self._at_once = 0, 0, 1
        self._to_come: Counter[str] = Counter()
        self._running: dict[int, _Job] = {}
        self._lost: dict[int, str] = {}
        self._took: dict[str, list[float]] = {}
        self._since: float | None = None
        self._until: float | None = None

    def planned(self, counts: Mapping[str, int], table: str) -> str:
        """Return how many jobs there are of which stages, and what a table tells beside that."""
        rules = {rule: number for rule, number in counts.items() if rule != "total"}
        self._to_come.update({r: n for r, n in rules.items() if not _TARGET.fullmatch(r)})
        self._total = self._to_come.total()
        stages = [f"{n} {rule}" if n > 1 else rule for rule, n in self._to_come.items()]
        told = f"{self._total} job{'s' * (self._total != 1)}: {', '.join(stages)}"
        more = [text.strip("\n") for text in _TOTAL.split(table, maxsplit=1)[1:]]
        return "\n".join(filter(None, [told if stages else "", *more]))

    def started(self, number: int, stage: str, title: str, logs: Sequence[str], now: float) -> str:
        """Return what to say of a job that starts."""
        if _TARGET.fullmatch(stage):
            return _at(now, title) if title else ""
        self._running[number] = _Job(stage, title or stage, logs, now)
        self._lost.pop(number, None)
        self._to_come[stage] -= 1
        self._since = self._since or now
        self._at_once = max(self._at_once, len(self._running))
        self._look_ahead(now)
        return _at(now, title or stage)

    def ended(self, number: int, now: float) -> str:
        """Return what to say of a job that ended well, and what it warned of."""
        if (job := self._running.pop(number, None)) is None:
            return ""  # it only gathered files
        self._done += 1
        self._took.setdefault(job.stage, []).append(now - job.began)
        self._look_ahead(now)
        said = f"done: {job.title} ({duration(now - job.began)}){self._appended(now)}"
        warnings = [x for log in job.logs for x in _lines(log) if x.startswith("warning: ")]
        return _at(now, said, warnings)

    def failed(
        self, number: int, stage: str, why: str, logs: Sequence[str], shown: bool, now: float
    ) -> str:
        """Return what to say of a job that failed or was stopped: why, and how its log ends.

        Not the log, where it has been ``shown``. A second one, by SLURM, repeats it.
        """
        job = self._running.pop(number, _Job(stage, stage, logs, now))
        lines = [line for log in logs[:1] for line in _lines(log)]
        how = "stopped" if ends_by_a_signal([*filter(None, lines)]) else "failed"
        self._lost[number] = how
        self._to_come[stage] += 1
        self._look_ahead(now)
        place = f", log {', '.join(logs)}" if logs else ""
        end = [] if shown else _end(lines)
        said = f"{how}: {job.title}{place}{self._appended(now)}"
        return _at(now, said, [*why.splitlines(), *end])

    def progress(self, now: float) -> str:
        """Return how much of the study is done, and about how long the rest takes."""
        if self._total <= 1:
            return ""
        parts = [f"{self._done} of {self._total} jobs done, {100 * self._done // self._total} %"]
        parts += [f"{n} {how}" for how, n in sorted(Counter(self._lost.values()).items())]
        if self._until is not None:
            ended = self._done == self._total
            seconds = self._until - (self._since or now)
            parts.append(f"in {duration(seconds)}" if ended else left(self._until - now))
        return ", ".join(filter(None, parts))

    def _look_ahead(self, now: float) -> None:
        """Find out when all will be done, or when it was."""
        rest = [(job.stage, now - job.began) for job in self._running.values()]
        rest += [(stage, 0.0) for stage in self._to_come.elements()]
        seconds = seconds_left(self._took, rest, self._at_once)
        # After a failure, nobody has counted the jobs that will not come.
        self._until = None if self._lost or seconds is None else now + seconds

    def _appended(self, now: float) -> str:
        progress = self.progress(now) if self.appends else ""
        return f"; {progress}" if progress else ""


def _at(now: float, text: str, more: Iterable[str] = ()) -> str:
    """Return a line with the time of day, and further ones below."""
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    return "\n".join([f"{clock}  {text}", *(f"          {line}".rstrip() for line in more)])


def _end(log: list[str]) -> list[str]:
    lines = [line for line in log if not line.endswith(" left")]  # how far it was
    cut = len(lines) - LINES
    above = [f"... ({cut} lines above)"] if cut > 0 else []
    return [*above, *lines[-LINES:]]


def _lines(log: str) -> list[str]:
    return (text_of(Path(log)) or "").splitlines()
