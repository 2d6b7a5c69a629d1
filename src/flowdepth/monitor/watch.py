"""A study while it runs, in a live table: python -m flowdepth.monitor.watch [options of snakemake].

The options say which study, as they do for snakemake itself: --configfile, --config, --profile.
Snakemake is asked once, at the start; from then on the logs and results are looked at every
second. The view ends when the study does, and says how, or by Ctrl-C, which leaves the study alone.
Without a terminal it is printed once.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flowdepth.base.errors import UserError
from flowdepth.base.words import duration, escape_output
from flowdepth.monitor.jobs import Job, Plan, State, read_plan, text_of
from flowdepth.monitor.left import left_of
from flowdepth.monitor.status import counts, notes, progress
from flowdepth.study import locks

SECONDS = 1.0
STYLES: dict[State, str] = {
    "done": "green",
    "running": "bold cyan",
    "failed": "bold red",
    "stopped": "yellow",
    "waiting": "dim",
    "stale": "magenta",
}
# A watched study may be starting: Snakemake plans it first.
_SECONDS_TO_START = 20
_LOCKS = Path(".snakemake", "locks")
_AT_REST = ("done", "waiting")
_EPOCH = re.compile(r"^epoch \d+ .*validation (\S+) nats.* ([\d,]+) images/s", re.MULTILINE)


def view(jobs: Sequence[Job], width: int, height: int) -> Group:
    """Return the counts, a row per depth and pack, the later stages, and what went wrong.

    Where not all packs fit, those that wait or are done make room.
    """
    wrong = notes([job for job in jobs if job.state in ("failed", "stopped")], width)
    packs = _packs(jobs)
    # The lines beside the packs: the counts, the table's head and end, the other stages, blanks.
    shown = _that_fit(packs, height - len(wrong) - 8)
    parts: list[RenderableType] = [
        Text(counts(jobs)),
        _table(shown),
        Text(_left_out(len(packs) - len(shown))),
    ]
    return Group(*parts, _stages(jobs), Text("\n".join(wrong)))


def _packs(jobs: Sequence[Job]) -> list[list[Job]]:
    packs: dict[tuple[int | None, str], list[Job]] = {}
    for job in jobs:
        if job.pack is not None:
            packs.setdefault((job.depth, job.pack), []).append(job)
    return list(packs.values())


def _that_fit(packs: list[list[Job]], room: int) -> list[list[Job]]:
    order = sorted(packs, key=lambda pack: all(job.state in _AT_REST for job in pack))
    chosen = order[: max(room, 1)]
    return [pack for pack in packs if pack in chosen]


def _left_out(number: int) -> str:
    return f"and {number} more" if number else ""


def _table(packs: Sequence[Sequence[Job]]) -> Table:
    rules = list(dict.fromkeys(job.rule for pack in packs for job in pack))
    table = Table(box=None, header_style="bold")
    for name in ("K", "seeds", *rules):
        table.add_column(name, no_wrap=True)
    for name in ("progress", "validation ELBO", "images/s", "left"):
        table.add_column(name, no_wrap=True, justify="right")
    for pack in packs:
        states = {job.rule: Text(job.state, STYLES[job.state]) for job in pack}
        cells = [states.get(rule, "") for rule in rules]
        table.add_row(str(pack[0].depth), pack[0].pack, *cells, *_numbers(pack))
    return table


def _numbers(pack: Sequence[Job]) -> tuple[str, str, str, str]:
    """Return what is done, the last validation ELBO in nats, the rate and the time left."""
    line = next((job.detail for job in pack if job.state == "running"), "")
    done, left = progress(line)
    training = next(job for job in pack if job.rule == "train")
    epochs = (
        _EPOCH.findall(text_of(training.log) or "") if training.state in ("running", "done") else []
    )
    validation, rate = epochs[-1] if epochs else ("", "")
    return done, validation, rate if training.state == "running" else "", left


def _stages(jobs: Sequence[Job]) -> Text:
    whole = [job for job in jobs if job.pack is None]
    titles = [Text.assemble(f"{job.rule} ", (job.state, STYLES[job.state])) for job in whole]
    return Text("  ").join(titles)


class Watch:
    """A study while it is looked at.

    Attributes
    ----------
    jobs
        How they stood at the last look.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._name = plan, plan.folder.name
        self.jobs: list[Job] = []
        self._since: float | None = None
        self._at_work, self._at_once = False, 1

    def look(self) -> None:
        """Look at the jobs, and whether anybody is at work on them."""
        # In this order: who let go of the lock has written all that it will write.
        since = locks.held_since(_LOCKS, self._plan.folder)
        self.jobs = self._plan.jobs()
        running = sum(job.state == "running" for job in self.jobs)
        self._at_work = since is not None or running > 0
        self._since = since or self._since
        self._at_once = max(self._at_once, running)

    def head(self) -> str:
        """Return the study's name, the time since its start and the time left."""
        if not self._at_work or self._since is None:
            return self._name
        since = f"started {duration(time.time() - self._since)} ago"
        left = "" if self._has("failed") else left_of(self.jobs, self._at_once)
        return f"{self._name}: {', '.join(filter(None, [since, left]))}"

    def ending(self, waited: float) -> str:
        """Return how the study ended, nothing while it may go on or, after some seconds, start."""
        if all(job.state == "done" for job in self.jobs):
            return f"{self._name} is done"
        if self._at_work or (self._since is None and waited < _SECONDS_TO_START):
            return ""
        ended = "failed" if self._has("failed") else "has ended"
        return f"{self._name} {'is not running' if self._since is None else ended}"

    def _has(self, state: State) -> bool:
        return any(job.state == state for job in self.jobs)


def follow(plan: Plan, console: Console) -> str:
    """Show the study until it ends; return how it ended."""
    watch, waited = Watch(plan), 0.0
    with Live(console=console, auto_refresh=False) as live:
        while True:
            watch.look()
            shown = view(watch.jobs, console.width, console.height - 1)
            live.update(Group(Text(watch.head(), "bold"), shown), refresh=True)
            if ending := watch.ending(waited):
                return ending
            time.sleep(SECONDS)
            waited += SECONDS


def _once(plan: Plan, console: Console) -> None:
    """Print the study as it is."""
    watch = Watch(plan)
    watch.look()
    console.print(Text(watch.head()), view(watch.jobs, console.width, sys.maxsize), sep="\n")


def main() -> None:
    """Show the study that the options name."""
    options = sys.argv[1:]
    if {"-h", "--help"} & set(options):
        print(__doc__, end="")
        return
    escape_output()
    console = Console(highlight=False)
    try:
        plan = read_plan(options)
        for fault in plan.damage():
            console.print(f"damaged: {fault}", markup=False)
        if console.is_terminal:
            console.print(follow(plan, console), markup=False)
        else:
            _once(plan, console)
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
