"""The GPU benchmark's quick form, here on the CPU."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def benchmark(output: Path, *path: Path) -> subprocess.CompletedProcess[str]:
    words = ["--device", "cpu", "--quick", "--output", str(output)]
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT / "src"]))},
        capture_output=True,
        text=True,
    )


def hide(package: str, folder: Path) -> None:
    """Make a Python with ``folder`` on its path find no ``package``, as where there is none."""
    (folder / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        f"u.find_spec = lambda name, *rest: None if name == '{package}' else find(name, *rest)\n"
    )


def test_every_measurement_is_written_and_finite(tmp_path: Path) -> None:
    done = benchmark(tmp_path / "gpu.csv")
    assert done.returncode == 0, done.stderr
    with (tmp_path / "gpu.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["measurement"] for row in rows} == {
        "machine",
        "product",
        "equality to the CPU",
        "training",
        "sampling",
        "packs",
        "Rezende & Mohamed",
        "test likelihood",
    }
    rates = [float(row["value"]) for row in rows if row["unit"] != "largest difference"]
    assert all(math.isfinite(rate) for rate in rates)
    assert all(rate > 0 for rate in rates[1:])


def test_missing_library_is_told_in_one_line(tmp_path: Path) -> None:
    hide("pydantic", tmp_path)
    refused = benchmark(tmp_path / "gpu.csv", tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: pydantic not found")
    assert not (tmp_path / "gpu.csv").exists()


def test_k_hat_is_left_out_where_the_tail_fit_is_missing(tmp_path: Path) -> None:
    hide("arviz_stats", tmp_path)
    done = benchmark(tmp_path / "gpu.csv", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "k_hat left out" in done.stdout
