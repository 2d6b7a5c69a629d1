"""What the report reads of a fabricated study, and what it writes."""

from __future__ import annotations

from pathlib import Path

from flowdepth.analysis.summary import study_tables
from flowdepth.report import captions
from flowdepth.settings.study import Study
from flowdepth.stages import tables
from helpers import leave_provenance

OUTPUTS = {"output": "report.html", "provenance": "provenance.json"}


def finish(study: Study, packs: list[Path], root: Path) -> None:
    """Write what the report reads."""
    numbers = study_tables(study, packs)
    for name, table in numbers.items():
        table.to_csv(root / f"{name}.csv", index=False)
    summary, convergence = numbers["summary"], numbers["convergence"]
    written = {
        "nll_by_depth": tables.nll_by_depth(summary),
        "errors": tables.errors(summary, convergence),
        "comparisons": tables.comparisons(numbers["comparisons"]),
    }
    (root / "tables").mkdir()
    for name, table in written.items():
        table.to_csv(root / "tables" / f"{name}.csv", index=False)
    (root / "figures").mkdir()
    for name in captions.ALWAYS:
        for kind in ("svg", "png"):
            (root / "figures" / f"{name}.{kind}").write_text(f"{name} as {kind}")
    leave_provenance(root, "summarise", [f"{name}.csv" for name in numbers])
    for stage in ("figures", "tables"):
        leave_provenance(root, stage, [path.relative_to(root) for path in (root / stage).iterdir()])
