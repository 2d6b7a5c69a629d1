from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import filelock
import hypothesis
import pytest
import torch

from checkout import QUICK, ROOT, Checkout, checkout

pytest_plugins = ["fabricated"]

# The tests' products are tiny: a second thread only waits.
torch.set_num_threads(1)

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("flowdepth", deadline=None)
hypothesis.settings.load_profile("flowdepth")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what tests counted, whichever process ran them."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, counted in report.user_properties:
            terminalreporter.write_line(f"{name}: {counted}")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout without results."""
    return checkout(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def finished(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Checkout:
    """A checkout with the quick study finished, once for all processes that run tests."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "finished"
    with filelock.FileLock(f"{folder}.lock"):
        study = Checkout(folder / "study")
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            fresh.copy(study.folder)
            done = study.snakemake(*QUICK)
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "done").touch()
    return study


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
