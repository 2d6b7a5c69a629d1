"""Measure all contenders at all depths -> results/<name>.csv, every repetition a row."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any

from benchmarks.contenders import AMORTISED, SHARED
from benchmarks.harness import Amount, Task, measure, process, sgemm_rate
from benchmarks.results import NAME_HELP, write

DEPTHS = (0, 4, 16, 32, 80)
REPETITIONS = 5
# A large product, and the first of a training batch and the last of an importance sampling.
PRODUCTS = ((1024, 1024, 1024), (128, 784, 300), (4096, 300, 784))
QUICK = {"depths": (0, 4), "repetitions": 2, "amount": Amount(updates=3, images=2, samples=1000)}


def main() -> None:
    """Read the command line, measure in rounds, and write every repetition."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="peers", help=NAME_HELP)
    parser.add_argument("--quick", action="store_true", help="a minute, to see it run")
    args = parser.parse_args()
    settings = QUICK if args.quick else {"depths": DEPTHS, "repetitions": REPETITIONS}
    write(args.name, list(rounds(**settings)))


def rounds(
    depths: tuple[int, ...], repetitions: int, amount: Amount | None = None
) -> Iterator[dict[str, Any]]:
    """Yield a row a measurement; each round measures everything once, in an order of its own."""
    order = tasks(depths)
    with ExitStack() as stack:
        processes = {task[:2]: None for task in order} | {"sgemm": None}
        processes = {key: stack.enter_context(process()) for key in processes}
        for repetition in range(repetitions):
            random.Random(repetition).shuffle(order)
            for number, task in enumerate(order):
                if number % len(processes) == 0:
                    yield from _products(processes["sgemm"], repetition)
                rate, rows = processes[task[:2]].submit(measure, task, amount or Amount()).result()
                yield {**task._asdict(), "repetition": repetition, "rate": rate, "rows": rows}
            print(f"round {repetition + 1} of {repetitions}", flush=True)


def tasks(depths: tuple[int, ...]) -> list[Task]:
    """Return both kinds of work of every contender at every depth."""
    entries = [(name, True) for name in AMORTISED] + [(name, False) for name in SHARED]
    works = ("train", "sample")
    return [Task(*entry, depth, work) for entry in entries for depth in depths for work in works]


def _products(executor: Executor, repetition: int) -> Iterator[dict[str, Any]]:
    for shape in PRODUCTS:
        rate = executor.submit(sgemm_rate, *shape).result()
        name = " × ".join(map(str, shape))
        yield {"contender": name, "work": "sgemm", "repetition": repetition, "rate": rate}


if __name__ == "__main__":
    main()
