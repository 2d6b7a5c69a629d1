"""Speed on a GPU beside eager plain torch and the products' rate, in one command.

On a machine with torch, numpy and pydantic alone: ``PYTHONPATH=src:. python -m benchmarks.gpu``.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

_NEEDED = ("torch", "numpy", "pydantic")


def main() -> None:
    """Read the command line, measure, and write every row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see it run")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/gpu.csv"))
    args = parser.parse_args()
    _refuse_without_libraries()
    fits_tails = _has("arviz_stats")
    if not fits_tails:
        _leave_out_the_tail_fit()
    measurements = importlib.import_module("benchmarks.gpu_measurements")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, measurements.COLUMNS)
        writer.writeheader()
        for row in measurements.rows(args.device, args.quick, fits_tails):
            writer.writerow(row)
            file.flush()
            print(_line(row), flush=True)


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _refuse_without_libraries() -> None:
    missing = [name for name in _NEEDED if not _has(name)]
    if missing:
        sys.exit(
            f"error: {', '.join(missing)} not found; where there is no network, put them on "
            "PYTHONPATH: pip install --target FOLDER --python-version "
            f"{sys.version_info.major}.{sys.version_info.minor} --only-binary :all: "
            f"{' '.join(missing)}"
        )


def _leave_out_the_tail_fit() -> None:
    """Put NaN in the place of k_hat: its fit runs on the CPU and needs arviz-stats and scipy."""
    base = types.ModuleType("arviz_stats.base")
    base.array_stats = types.SimpleNamespace(  # type: ignore[attr-defined]
        pareto_khat=lambda weights, **options: weights[..., 0] * float("nan")
    )
    sys.modules |= {"arviz_stats": types.ModuleType("arviz_stats"), "arviz_stats.base": base}


def _line(row: dict[str, Any]) -> str:
    where = [f"{name} {row[name]}" for name in ("depth", "seeds") if name in row]
    return f"{row['measurement']:<22}{', '.join([row['what'], *where]):<42}" + (
        f"{row['value']:>14,.4g} {row['unit']}"
    )


if __name__ == "__main__":
    main()
