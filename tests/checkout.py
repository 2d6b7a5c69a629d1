"""A copy of the workflow that tests run studies in."""

from __future__ import annotations

import multiprocessing
import os
import re
import runpy
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "studies", "src")
QUICK = ("--configfile", "studies/quick.yaml")
# Half of a dry run is the import of Snakemake: it is done once, and every run forked from it.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli"])


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

    def snakemake(self, *words: str, **environment: str) -> CompletedProcess[str]:
        """Run snakemake there."""
        with tempfile.TemporaryDirectory() as name:
            output = Path(name, "stdout"), Path(name, "stderr")
            forked = SERVER.Process(
                target=_snakemake,
                args=(self.folder, words, {**self.environment, **environment}, output),
            )
            forked.start()
            forked.join()
            code = forked.exitcode
            return CompletedProcess(words, code, *(path.read_text() for path in output))

    def jobs(self, *words: str) -> set[str]:
        """Return what a dry run would do, in the words of the rules' messages."""
        planned = self.snakemake(*words, "--dry-run")
        assert planned.returncode == 0, planned.stdout + planned.stderr
        return set(re.findall(r"^Job \d+: (.*)$", planned.stdout + planned.stderr, re.MULTILINE))

    def copy(self, folder: Path) -> Checkout:
        """Return a copy with all results, modification times kept."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout(folder)


def _snakemake(
    folder: Path, words: tuple[str, ...], environment: dict[str, str], output: tuple[Path, Path]
) -> None:
    """Become ``snakemake`` with these words, as a process begun in ``folder`` would."""
    for stream, path in zip((1, 2), output, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    sys.argv = ["snakemake", *words]
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


def checkout(folder: Path) -> Checkout:
    """Return a checkout without results in ``folder``."""
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / part)
    return Checkout(folder)
