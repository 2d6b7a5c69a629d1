"""A copy of the workflow that tests run studies in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "studies", "src")
QUICK = ("--configfile", "studies/quick.yaml")


@dataclass(frozen=True)
class Checkout:
    """A copy of the workflow and of the code that it runs, with results of its own."""

    folder: Path

    @property
    def results(self) -> Path:
        """The folder of the quick study's results."""
        return self.folder / "results" / "quick"

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a process runs the code of this checkout."""
        return {**os.environ, "PYTHONPATH": str(self.folder / "src")}

    def snakemake(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake there."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**self.environment, **environment},
        )

    def jobs(self, *words: str) -> set[str]:
        """Return what a dry run would do, in the words of the rules' messages."""
        planned = self.snakemake(*words, "--dry-run")
        assert planned.returncode == 0, planned.stdout + planned.stderr
        return set(re.findall(r"^Job \d+: (.*)$", planned.stdout + planned.stderr, re.MULTILINE))

    def copy(self, folder: Path) -> Checkout:
        """Return a copy with all results, modification times kept."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout(folder)


def checkout(folder: Path) -> Checkout:
    """Return a checkout without results in ``folder``."""
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return Checkout(folder)
