"""Every file of a finished study is damaged in every way, and the study run again.

The run has to name the file and leave all others as they are, or to end with the right bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from checkout import QUICK, Checkout
from contents import contents
from damage import DAMAGE, swap
from faults.quick import Record, some
from flowdepth.study.layout import PROVENANCE
from flowdepth.study.provenance import read

pytestmark = pytest.mark.faults
Content = dict[Path, bytes]


def written(results: Path) -> list[Path]:
    """Return what the stages wrote, and the provenance beside it."""
    records = sorted(results.rglob(f"*{PROVENANCE}"))
    named = (record.parent / name for record in records for name in read(record)["outputs"])
    return [*records, *(Path(os.path.normpath(path)) for path in named)]


def pairs(files: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Return the files of the two depths that have the same place."""
    for path in files:
        other = Path(str(path).replace("/K0/", "/K2/"))
        if other != path:
            yield path, other


def restore(before: Content, times: dict[Path, tuple[int, int]]) -> None:
    for path, content in before.items():
        path.write_bytes(content)
        os.utime(path, ns=times[path])


def outcome(study: Checkout, before: Content, damaged: tuple[Path, ...]) -> str:
    """Run the study again and say what became of the damage."""
    run = study.snakemake(*QUICK)
    after = contents(study.results)
    if "Traceback" in run.stdout + run.stderr:
        return "traceback"
    if run.returncode == 0:
        numbers = [p for p in before if not p.name.endswith(("provenance.json", ".html"))]
        return "mended" if all(after.get(p) == before[p] for p in numbers) else "wrong"
    named = any(str(p.relative_to(study.folder)) in run.stdout + run.stderr for p in damaged)
    kept = all(after.get(p) == before[p] for p in before if p not in damaged)
    return "detected" if named and kept else "lost"


@pytest.mark.parametrize("way", [*DAMAGE, "swapped", "deleted"])
def test_damage_to_any_file_is_detected_or_mended(
    finished: Checkout, tmp_path: Path, record_property: Record, way: str
) -> None:
    study = finished.copy(tmp_path / "study")
    before = contents(study.results)
    times = {path: (path.stat().st_atime_ns, path.stat().st_mtime_ns) for path in before}
    files = written(study.results)
    cases = [*pairs(files)] if way == "swapped" else [(path,) for path in files]
    cases = some(cases, 1)
    found: dict[str, list[str]] = {}
    for case in cases:
        if way == "swapped":
            swap(*case)
        elif way == "deleted":
            case[0].unlink()
        else:
            case[0].write_bytes(DAMAGE[way](case[0].read_bytes()))
        result = outcome(study, before, case)
        found.setdefault(result, []).append(str(case[0].relative_to(study.results)))
        restore(before, times)
    counts = {result: len(names) for result, names in found.items()}
    record_property(way, f"{len(cases)} tried, {counts}")
    assert set(found) <= {"detected", "mended"}, found
