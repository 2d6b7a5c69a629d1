"""What is left of a study, and what it will take here: python -m flowdepth.forecast.plan [options].

From the steps of each job, counted, and what one takes on this machine, which some seconds of trial
tell. Options that it does not know are Snakemake's, and say which study.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flowdepth.base.errors import UserError
from flowdepth.base.machine import gpus, processor, uses_gpu
from flowdepth.base.words import aligned, duration, escape_output
from flowdepth.cluster import demand
from flowdepth.forecast import work
from flowdepth.forecast.rates import Rates
from flowdepth.monitor.jobs import Job, read_plan
from flowdepth.settings.study import Study, seeds_of
from flowdepth.study.oddities import oddities

# Seconds that Snakemake takes to plan and to end, in starts of a stage.
_SNAKEMAKE = 4.0


@dataclass(frozen=True)
class Cost:
    """What a job takes here: seconds of one core or GPU, MB of memory and of the disk."""

    seconds: float
    memory: float
    disk: float


def cost(job: Job, study: Study, rates: Rates) -> Cost:
    """Return what a job takes, at most: training and the gaps' optimisation may end early."""
    disk = work.disk_mb(job.rule, study, job.depth or 0, replicas := _replicas(job))
    if job.depth is None:
        return Cost(work.starts(job.rule) * rates.start, demand.STARTED_MB, disk)
    counted = work.steps(job.rule, study).items()
    inside = sum(n * rates.seconds(step, job.depth, replicas) for step, n in counted)
    memory = demand.working_mb(job.rule, study, job.depth, replicas)
    return Cost(inside + work.starts(job.rule) * rates.start, memory, disk)


def _replicas(job: Job) -> int:
    return len(seeds_of(job.pack)) if job.pack else 1


def wall_seconds(costs: dict[Job, Cost], at_once: int) -> float:
    """Return the seconds that so many cores or GPUs take, each stage after its inputs."""
    packs: dict[tuple[object, object], float] = {}
    for job, taken in costs.items():
        if job.pack:
            cell = job.depth, job.pack
            packs[cell] = packs.get(cell, 0.0) + taken.seconds
    alone = sum(taken.seconds for job, taken in costs.items() if not job.pack)
    longest = max(packs.values(), default=0.0)
    return alone + max(longest, sum(packs.values()) / at_once)


def table(costs: dict[Job, Cost]) -> list[str]:
    """Return a line a stage, and their sum."""
    of_stage: dict[str, list[Cost]] = {}
    for job, taken in costs.items():
        of_stage.setdefault(job.rule, []).append(taken)
    rows = [_row(stage, taken) for stage, taken in of_stage.items()]
    heads = ("", "jobs", "time", "memory", "disk")
    return aligned([heads, *rows, _row("in all", [*costs.values()])])


def _row(name: str, costs: Sequence[Cost]) -> tuple[str, ...]:
    memory = max(taken.memory for taken in costs)
    disk = sum(taken.disk for taken in costs)
    took = duration(sum(taken.seconds for taken in costs))
    return name, str(len(costs)), took, f"{memory / 1000:.1f} GB", f"{disk:,.1f} MB"


def report(jobs: Sequence[Job], study: Study, rates: Rates, cores: int) -> Iterator[str]:
    """Yield the lines of the forecast."""
    left = [job for job in jobs if job.state != "done"]
    yield f"{study.name}: {len(left)} of {len(jobs)} jobs are left"
    if not left:
        return
    begun = time.time()
    costs = {job: cost(job, study, rates) for job in left}
    yield from ["", *table(costs), ""]
    at_once, units = (max(1, gpus()), "GPUs") if uses_gpu(study.device) else (cores, "cores")
    wall = wall_seconds(costs, at_once) + _SNAKEMAKE * rates.start
    age = begun - rates.oldest
    measured = "now" if age < 1 else f"{duration(age)} ago"
    yield f"about {duration(wall)} here ({processor()}; {units}: {at_once}), or less: training"
    yield "stops where patience ends, and the gaps' optimisation where it has converged"
    yield f"rates measured {measured}"
    if asked := [*_asked(left, study)]:
        yield from ["", *demand.in_all(asked)]
    notes = [f"note: {sentence}" for sentence in oddities(study)]
    yield from ["", *notes] if notes else []


def _asked(jobs: Sequence[Job], study: Study) -> Iterator[tuple[str, demand.Demand]]:
    gpu = int(uses_gpu(study.device))
    for job in jobs:
        if job.depth is not None:
            first = demand.demand(job.rule, study, job.depth, _replicas(job))
            yield job.rule, replace(first, gpus=gpu)


def main() -> None:
    """Print the forecast of the study that the options name."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--settings", required=True, help="the study as JSON")
    parser.add_argument("--cores", type=int, default=1)
    args, options = parser.parse_known_args()
    escape_output()
    study = Study.model_validate_json(args.settings)
    try:
        jobs = read_plan(options).jobs()
        rates = Rates(study, study.depths)
        for line in report(jobs, study, rates, args.cores):
            print(line, flush=True)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
