from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import benchmarks

MODULES = [path.stem for path in Path(benchmarks.__file__).parent.glob("*.py")]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_benchmark_finds_what_it_imports(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")
