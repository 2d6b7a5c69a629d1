from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from checkout import Checkout, checkout
from slurm.cluster import Cluster, guard, missing

# The pretended site: its jobs take seconds, and their logs are what the tests count in.
SITE = (
    "--slurm-init-seconds-before-status-checks",
    "5",
    "--slurm-keep-successful-logs",
    "--latency-wait",
    "5",
)
# Timings and places apart, what a study computes.
NUMBERS = (
    "K*/*/model.safetensors",
    "K*/*/history.csv",
    "K*/*/metrics.csv",
    "K*/*/images.parquet",
    "K*/*/convergence.csv",
    "K*/*/examples.safetensors",
    "comparisons.csv",
    "convergence.csv",
)
PATIENCE = 600


def wait(what: str, happened: Callable[[], object]) -> None:
    """Return once ``happened``; given up after ten minutes."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"waited for {what}, in vain"
        time.sleep(0.2)


@dataclass(frozen=True)
class Study:
    """A study in a checkout of its own, submitted to the cluster under the shipped profile."""

    checkout: Checkout
    cluster: Cluster
    settings: tuple[str, ...]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.checkout.folder

    @property
    def results(self) -> Path:
        return self.folder / "results" / "quick"

    def submit(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start snakemake, which writes to main.log."""
        profile = ("--profile", "profiles/slurm", *SITE, "--configfile", "studies/quick.yaml")
        with (self.folder / "main.log").open("ab") as log:
            main = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *words, *profile, *self.settings],
                cwd=self.folder,
                env={**self.cluster.environment, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.started.append(main)
        return main

    def finish(self, main: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a run that should do all there is to do."""
        wait("the end of the study", lambda: main.poll() is not None)
        assert main.returncode == 0, self.main_log()

    def main_log(self) -> str:
        return (self.folder / "main.log").read_text()

    def queue(self, form: str = "%i", *words: str) -> list[str]:
        """Return this study's jobs that have not ended, by `squeue --format`."""
        listed = self.cluster.command("squeue", "--noheader", f"--format=%Z|{form}", *words)
        here = f"{self.folder}|"
        return [line.removeprefix(here) for line in listed.splitlines() if line.startswith(here)]

    def job(self, stage: str) -> str:
        """Return the id of a running job of ``stage``, or nothing."""
        found = [line.split() for line in self.queue("%i %k", "--states=RUNNING")]
        return next((job for job, comment in found if comment.startswith(f"rule_{stage}")), "")

    def wait_for_epoch(self, epoch: int) -> str:
        """Return the id of the training job once it has come so far."""
        log = self.results / "logs" / "train" / "K2_seeds0+1.log"
        begun = rf"^epoch {epoch} "
        wait(
            f"epoch {epoch}",
            lambda: log.exists() and re.search(begun, log.read_text(), re.M) and self.job("train"),
        )
        return self.job("train")

    def times(self, line: str) -> int:
        """Return how often ``line`` (a pattern) stands in the logs of all of the study's jobs."""
        logs = (self.folder / ".snakemake" / "slurm_logs").rglob("*.log")
        return sum(len(re.findall(line, log.read_text(), re.M)) for log in logs)

    def numbers(self) -> dict[str, bytes]:
        found = (path for pattern in NUMBERS for path in self.results.glob(pattern))
        return {str(path.relative_to(self.results)): path.read_bytes() for path in found}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster, stopped at the end also where that comes by SIGKILL."""
    if missing():
        pytest.skip(missing())
    # A socket's path may have only 108 characters; pytest's folders take most of them.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    watch = guard(folder)
    try:
        cluster = Cluster(folder)
        cluster.start()
        yield cluster
    finally:
        watch.communicate()


@pytest.fixture
def study(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Study]]:
    """Makes a study of given settings; what it left running is ended."""
    made = []

    def make(*settings: str) -> Study:
        made.append(Study(checkout(tmp_path), cluster, ("--config", *settings)))
        return made[-1]

    yield make
    for each in made:
        for main in each.started:
            main.kill()
            main.wait()
        jobs = each.queue()
        if jobs:
            cluster.command("scancel", *jobs)
        wait("an empty queue", lambda each=each: not each.queue())


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, bytes]]:
    """Gives the numbers of a local run of a study, computed once for each list of settings."""
    known: dict[tuple[str, ...], dict[str, bytes]] = {}

    def numbers(study: Study) -> dict[str, bytes]:
        if study.settings not in known:
            folder = tmp_path_factory.mktemp("local")
            local = Study(checkout(folder), study.cluster, study.settings)
            chosen = ("--configfile", "studies/quick.yaml", *local.settings)
            done = local.checkout.snakemake("summarise", *chosen)
            assert done.returncode == 0, done.stdout + done.stderr
            known[study.settings] = local.numbers()
        return known[study.settings]

    return numbers
