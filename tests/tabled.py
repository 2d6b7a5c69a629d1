"""What the report reads of a fabricated study, and what it writes."""

from __future__ import annotations

from pathlib import Path

from flowdepth.analysis.results import StudyResults
from flowdepth.analysis.summary import study_tables
from flowdepth.report import registry
from flowdepth.report.setting import write_tables
from flowdepth.settings.study import Study
from flowdepth.study import layout
from helpers import leave_provenance


def finish(study: Study, packs: list[Path], root: Path) -> None:
    """Write what the report reads."""
    numbers = study_tables(study, packs)
    for name, table in numbers.items():
        table.to_csv(root / f"{name}.csv", index=False)
    leave_provenance(root, "summarise", [f"{name}.csv" for name in numbers])
    leave_provenance(root, "tables", [*write_tables("tables", StudyResults(study, root))])
    (root / "figures").mkdir()
    for stage in ("figures", "gap_figures", "posteriors"):
        drawn = [one.name for one in registry.figures(study, stage)]
        files = [path for name in drawn for path in layout.figure(root, name).values()]
        for path in files:
            path.write_text(f"{path.stem} as {path.suffix[1:]}")
        leave_provenance(root, stage, files)
