from __future__ import annotations

import re
from pathlib import Path

from checkout import QUICK, Checkout
from flowdepth.cluster.demand import demand
from flowdepth.settings.study import Study

# As `duration` writes less than an hour; on a busy machine quick takes minutes.
TIME = r"(\d+ min )?\d+ s"


def test_plan_says_what_is_left_and_what_it_takes(
    fresh: Checkout, finished: Checkout, tmp_path: Path
) -> None:
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    begun, done = fresh.copy(tmp_path / "begun"), finished.copy(tmp_path / "done")
    told = begun.snakemake("plan", "--quiet", *QUICK, **cache)
    assert told.returncode == 0, told.stderr
    assert "quick: 11 of 11 jobs are left" in told.stderr + told.stdout
    assert re.search(rf"^train +2 +{TIME} +0\.4 GB +0\.1 MB$", told.stdout, re.MULTILINE)
    assert re.search(rf"^about {TIME} here ", told.stdout, re.MULTILINE)
    assert not begun.results.joinpath("K0").exists()
    changed = ("--config", "evaluate={samples: 70}")
    again = done.snakemake("plan", "--quiet", *QUICK, *changed, **cache).stdout
    assert "quick: 7 of 11 jobs are left" in again
    assert not re.search(r"^train ", again, re.MULTILINE)


def test_dry_run_on_a_cluster_says_what_it_is_asked_for_in_all(fresh: Checkout) -> None:
    options = ("--dry-run", "--profile", "profiles/slurm", *QUICK, "--config", "device=cuda")
    told = fresh.snakemake(*options)
    study = Study(
        name="quick",
        depths=(0, 2),
        seeds=(0, 1),
        model={"hidden": [32], "latent": 4},
        training={"epochs": 2},
        evaluate={"samples": 50},
    )
    trainings = [demand("train", study, depth, 2) for depth in study.depths]
    hours = f"{sum(one.runtime for one in trainings) / 60:.1f}"
    row = ["train", "2", hours, hours, f"{max(one.mem_mb for one in trainings):,}"]
    assert row in [line.split() for line in (told.stdout + told.stderr).splitlines()]


def test_dry_run_on_this_machine_asks_no_cluster(fresh: Checkout) -> None:
    told = fresh.snakemake("--dry-run", *QUICK)
    assert "asked of a cluster" not in told.stdout + told.stderr
