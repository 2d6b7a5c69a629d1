"""Stages and a whole study, killed at random moments and started again until they end.

Whenever they end, every file must have the bytes that it has undisturbed. The seed of the moments
is printed; the environment's ``FAULTS_SEED`` sets it.
"""

from __future__ import annotations

import math
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from checkout import QUICK, Checkout
from contents import shared
from faults.quick import FEW, SEED, Record, some

pytestmark = pytest.mark.faults
KILLS = 1 if FEW else 6
LONGER = (
    "--config",
    "model={hidden: [32], latent: 2}",
    "training={epochs: 60}",
    "evaluate={samples: 4000, exact: true}",
    "certify={images: 10, simulated: 3, distributions: 60, chains: 4}",
    "gaps={images: 20, steps: 400, samples: 100}",
)
SETTINGS = QUICK if FEW else (*QUICK, *LONGER)
SAVING = ("train", "evaluate") if FEW else ("train", "evaluate", "certify", "gaps", "exact")
STAGES = some(("prepare", *SAVING, "summarise"), 1)


@dataclass
class Tally:
    """Kills so far, and after how many there was unfinished work to go on from."""

    kills: int = 0
    saved: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills survived with identical bytes, {self.saved} of them with work to "
            f"go on from (FAULTS_SEED={SEED})"
        )


@pytest.fixture(scope="module")
def study(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A study that has ended undisturbed."""
    study = finished.copy(tmp_path_factory.mktemp("ended") / "study")
    done = study.snakemake(*SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    return study


@dataclass(frozen=True)
class Victim:
    """A command line, to be run again after a kill as it is."""

    study: Checkout
    words: tuple[str, ...]

    def run(self, moment: float = math.inf) -> tuple[bool, float]:
        """Run, and kill all its processes so many seconds after its first line.

        Return whether it was killed, and the seconds it ran after that line.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", *self.words],
            cwd=self.study.folder,
            env=self.study.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        timer = Timer(min(moment, 600), kill_group, [process.pid])
        with process:
            lines = [process.stdout.readline()]
            timer.start()
            start = time.perf_counter()
            lines += process.stdout
            timer.cancel()
        assert process.returncode in (0, -signal.SIGKILL), "".join(lines)
        return process.returncode != 0, time.perf_counter() - start


def kill_group(number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)


def stage(study: Checkout, name: str) -> Victim:
    """Return a stage as its rule calls it, for K = 2 where it has a depth."""
    planned = study.snakemake(*SETTINGS, "--forceall", "--dry-run", "--printshellcmds").stdout
    calls = re.findall(rf"python -m (flowdepth\.stages\.{name} .*)", planned)
    words = shlex.split(next(call for call in calls if "--depth 2 " in call or len(calls) == 1))
    return Victim(study, (*words, *(("--save-every", "0.2") if name in SAVING else ())))


def times(study: Checkout) -> dict[Path, int]:
    found = (study.folder / "results").rglob("*")
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


def survive(victim: Victim, expected: dict[Path, object]) -> Tally:
    """Kill a victim at random moments, compare whenever it ends, and return the kills."""
    moments, tally, study = random.Random(SEED), Tally(), victim.study
    before = times(study)
    _, seconds = victim.run()
    # The report too: Snakemake misses nothing that only a finished report was made from.
    outputs = [path for path, time in times(study).items() if time != before.get(path)]
    while True:
        for left in study.folder.rglob("*_unfinished.safetensors"):  # until there is a report
            left.unlink()
        assert shared(study) == expected
        if tally.kills >= KILLS:
            return tally
        for path in outputs:
            path.unlink(missing_ok=True)
        while victim.run(moments.uniform(0, seconds) if tally.kills < KILLS else math.inf)[0]:
            tally.kills += 1
            tally.saved += any(study.folder.rglob("*_unfinished.safetensors"))


@pytest.mark.parametrize("name", STAGES)
def test_killed_stage_ends_with_the_bytes_of_an_undisturbed_one(
    study: Checkout, record_property: Record, name: str
) -> None:
    record_property(name, str(survive(stage(study, name), shared(study))))


def test_killed_study_ends_with_the_bytes_of_an_undisturbed_one(
    study: Checkout, record_property: Record
) -> None:
    expected = shared(study)
    shutil.rmtree(study.folder / "results")
    victim = Victim(study, ("snakemake", *SETTINGS))
    record_property("study", str(survive(victim, expected)))
