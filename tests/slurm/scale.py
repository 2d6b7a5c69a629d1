"""What grids of 1 000 and 10 000 cells cost while they run; by hand, nothing checks it.

    python tests/slurm/scale.py lengths     measures the digits' jobs, by depth and pack size
    python tests/slurm/scale.py simulate    hours on 8, 64 and 512 GPUs with jobs of these lengths

Lengths are those of one CPU thread with a tenth of the default study's epochs and samples, times
ten, at the first and the last of its depths; between them they are taken as linear in K.
"""

from __future__ import annotations

import argparse
import heapq
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from flowdepth.study.layout import PROVENANCE
from flowdepth.study.provenance import read

ROOT = Path(__file__).parents[2]
DEPTHS = (0, 1, 2, 4, 8, 16, 32)
MEASURED_DEPTHS = (DEPTHS[0], DEPTHS[-1])
PACKS = (1, 5, 20)
# Seeds at each of ten depths.
GRIDS = {1_000: 100, 10_000: 1_000}
# Start of a job's two Snakemakes and of torch, as seen on the cluster of the tests.
START_SECONDS = 15
LENGTHS = Path(tempfile.gettempdir()) / "flowdepth-lengths.json"


def lengths() -> None:
    """Measure a training and an evaluation at two depths and every pack size."""
    found = {}
    for pack in PACKS:
        with tempfile.TemporaryDirectory() as folder:
            for part in ("Snakefile", "config.yaml", "workflow", "profiles"):
                (Path(folder) / part).symlink_to(ROOT / part)
            grid = (
                f"depths={list(MEASURED_DEPTHS)}",
                f"seeds={list(range(pack))}",
                f"seeds_per_job={pack}",
            )
            short = ("training={epochs: 15}", "evaluate={samples: 500}", "device=cpu")
            _snakemake(
                Path(folder),
                "summarise",
                "--cores",
                "1",
                "--quiet",
                "all",
                "--config",
                *grid,
                *short,
            )
            for path in Path(folder).glob(f"results/*/K*/*/*{PROVENANCE}"):
                job = read(path)
                found[f"{job['stage']} {job['depth']} {pack}"] = 10 * job["seconds"]
    LENGTHS.write_text(json.dumps(found, indent=2))


def chain(measured: dict[str, float], depth: int, pack: int) -> float:
    """Return the seconds of a cell's training and evaluation, one after the other."""
    first, last = MEASURED_DEPTHS
    ends = [
        sum(START_SECONDS + measured[f"{stage} {end} {pack}"] for stage in ("train", "evaluate"))
        for end in MEASURED_DEPTHS
    ]
    return ends[0] + (ends[1] - ends[0]) * (depth - first) / (last - first)


def simulate(seeds: int, pack: int) -> None:
    """Print a grid's wall time with every job given to the GPU that is free first, longest first.

    Its depths are the default study's in turn, ten of them; a cell's two jobs follow each other.
    """
    measured = json.loads(LENGTHS.read_text())
    depths = [DEPTHS[number % len(DEPTHS)] for number in range(10)]
    chains = sorted(
        (chain(measured, k, pack) for k in depths for _ in range(seeds // pack)), reverse=True
    )
    hours = []
    for gpus in (8, 64, 512):
        free = [0.0] * gpus
        for seconds in chains:
            heapq.heapreplace(free, free[0] + seconds)
        hours.append(f"{max(free) / 3600:.2f} h on {gpus}")
    print(f"{10 * seeds} cells, packs of {pack}: {sum(chains) / 3600:.1f} h in all, {hours}")


def _snakemake(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def main() -> None:
    """Read the command line, and measure or simulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["lengths", "simulate"])
    action = parser.parse_args().action
    if action == "lengths":
        lengths()
        return
    for seeds in GRIDS.values():
        for pack in PACKS:
            simulate(seeds, pack)


if __name__ == "__main__":
    main()
