"""Where a study stands, as a table: python -m flowdepth.monitor.status [options of snakemake].

The options say which study, as they do for snakemake itself: --configfile, --config, --profile.
With --sums, every file is verified as well.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.base.words import escape_output
from flowdepth.monitor.jobs import STATES, Job, read_plan
from flowdepth.monitor.verify import verdict
from flowdepth.study import layout

WIDTH = 80


def report(jobs: Sequence[Job], width: int = WIDTH) -> str:
    """Return the counts, a row per depth and pack, the later stages, and what went wrong or why."""
    parts = [[counts(jobs)], _grid(jobs, width), _stages(jobs, width), notes(jobs, width)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def counts(jobs: Sequence[Job]) -> str:
    """Return how many jobs there are in each state."""
    of_state = Counter(job.state for job in jobs)
    return f"{len(jobs)} job{'s' * (len(jobs) != 1)}: " + ", ".join(
        f"{of_state[state]} {state}" for state in STATES if of_state[state]
    )


def _grid(jobs: Sequence[Job], width: int) -> list[str]:
    """Return the table of depths and packs, a column per stage."""
    packs: dict[tuple[str, str], dict[str, str]] = {}
    for job in jobs:
        if job.pack is not None:
            packs.setdefault((str(job.depth), job.pack), {})[job.rule] = _cell(job)
    rules = list(dict.fromkeys(job.rule for job in jobs if job.pack is not None))
    rows = [(*pack, *(cells.get(rule, "") for rule in rules)) for pack, cells in packs.items()]
    return list(_aligned([("K", "seeds", *rules), *rows], width)) if rows else []


def _stages(jobs: Sequence[Job], width: int) -> list[str]:
    return list(_aligned([(job.rule, _cell(job)) for job in jobs if job.pack is None], width))


def _aligned(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the rows in columns, the widest ones cut where a line would pass ``width``."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 5:
        widths[widths.index(max(widths))] -= 1
    for row in rows:
        cells = (_cut(cell, room).ljust(room) for cell, room in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 3]}..."


def _cell(job: Job) -> str:
    """Return a job's state, and of a running one how far it is."""
    if job.state != "running":
        return job.state
    done, left = progress(job.detail)
    return ", ".join(filter(None, (done, left and f"{left} left"))) or "running"


def progress(line: str) -> tuple[str, str]:
    """Return the epoch, images or steps done and the time left as the last line of a log has it."""
    done = re.search(r"epoch \d+|\d+ of \d+", line)
    left = re.search(r"(\S+(?: s)?) left", line)
    return done[0] if done else "", left[1] if left else ""


def notes(jobs: Sequence[Job], width: int) -> list[str]:
    """Return the failed and stopped jobs with their logs, and the stale ones by their reason."""
    lines: list[str] = []
    for job in jobs:
        if job.state in ("failed", "stopped"):
            last = f": {job.detail}" if job.detail else ""
            lines += [*_wrapped(f"{job.state}: {_titles([job])}{last}", width), f"    {job.log}"]
    stale = [job for job in jobs if job.state == "stale"]
    for reason in dict.fromkeys(job.detail for job in stale):
        titles = _titles([job for job in stale if job.detail == reason])
        lines += _wrapped(f"stale, {reason}: {titles}", width)
    return lines


def _titles(jobs: Sequence[Job]) -> str:
    """Return the names of the jobs, of a stage with more than one only their number."""
    counts = Counter(job.rule for job in jobs)
    return ", ".join(
        job.rule + (f" K = {job.depth} seeds {job.pack}" if job.pack is not None else "")
        if counts[job.rule] == 1
        else f"{job.rule} ({counts[job.rule]} jobs)"
        for job in {job.rule: job for job in jobs}.values()
    )


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False)


def published(jobs: Sequence[Job]) -> Iterator[str]:
    """Yield which results are the user's and which were published, where there are such."""
    there = sorted(path.name for path in layout.REFERENCE.glob("*") if layout.is_reference(path))
    if there:
        own = Path(*jobs[0].log.parts[:2])
        yield f"yours: {own}; published, in {layout.REFERENCE}: {', '.join(there)}"


def main() -> None:
    """Print the table of the study that the options name."""
    options = sys.argv[1:]
    if {"-h", "--help"} & set(options):
        print(__doc__, end="")
        return
    escape_output()
    sums = "--sums" in options
    try:
        plan = read_plan([option for option in options if option != "--sums"])
        jobs = plan.jobs()
        print(report(jobs), end="")
        for fault in plan.damage():
            print(f"damaged: {fault}")
        print("".join(f"\n{line}\n" for line in published(jobs)), end="")
        if sums:
            print(f"\n{verdict(Path(*jobs[0].log.parts[:2]))[0]}")
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
