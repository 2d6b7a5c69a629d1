"""A study on a disk that is full, until there is room for the next files: make faults."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checkout import QUICK, Checkout
from contents import shared
from faults import quick

pytestmark = pytest.mark.faults
KILOBYTES = (60, 400, 16_000) if quick.FEW else (60, 150, 250, 400, 800, 1600, 16_000)
Disk = Callable[[int], None]


def mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk for the results; what it returns changes its size in kilobytes."""
    results = tmp_path / "small" / "results"
    results.mkdir(parents=True)
    mount("-o", "size=4k", "tmpfs", results)
    yield lambda size: mount("-o", f"remount,size={size}k", "tmpfs", results)
    subprocess.run(["umount", results], check=True)


def test_full_disk_is_explained_and_the_study_ends_the_same(
    finished: Checkout, tmp_path: Path, disk: Disk, record_property: quick.Record
) -> None:
    small = Checkout(tmp_path / "small")
    for part in finished.folder.iterdir():
        if part.name not in ("results", ".snakemake"):
            (small.folder / part.name).symlink_to(part)
    failures = 0
    for size in KILOBYTES:
        disk(size)
        done = small.snakemake(*QUICK)
        output = done.stdout + done.stderr
        if done.returncode == 0:
            break
        failures += 1
        assert "could not be written (No space left on device); it needs" in output, output
        assert "Traceback" not in output, output
    record_property("full disk", f"{failures} runs failed with a message; the next one went on")
    assert failures >= 2
    assert shared(small) == shared(finished)
