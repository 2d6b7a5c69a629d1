from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import chromium
from checkout import Checkout

AXE = "axe-core@4.14.1"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    """A headless Chromium."""
    if chromium.found() is None:
        pytest.skip(f"none of {', '.join(chromium.NAMES)} is installed")
    running = chromium.Browser(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def pages(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages that a finished study and a comparison make, by name."""
    study = finished.copy(tmp_path_factory.mktemp("pages") / "study")
    done = study.snakemake("compare", "--config", "studies=[quick]")
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        "report": study.results / "report.html",
        "compare": study.results.parent / "compare.html",
    }


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker axe-core, as JavaScript."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("npm is not installed, which would fetch axe-core")
    command = [npm, "pack", AXE, "--fetch-retries=0", "--fetch-timeout=20000"]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    archives = [*folder.glob("*.tgz")]
    if packed.returncode != 0 or not archives:
        pytest.skip(f"npm could not fetch {AXE}: {packed.stderr[-200:]}")
    with tarfile.open(archives[0]) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()
