"""The study's tables of numbers -> tables to read: Markdown, LaTeX and CSV of the same words."""

from __future__ import annotations

from flowdepth.analysis.results import StudyResults
from flowdepth.report.setting import write_tables
from flowdepth.stages.command import run, study_command
from flowdepth.study import layout


def main() -> None:
    """Read the command line and write the files."""
    command = study_command(__doc__)
    tables = layout.outputs("summarise", command.folder)
    read = [tables[name] for name in ("summary", "comparisons", "convergence")]
    if command.study.evaluate.exact:
        for pack in command.packs:
            read += [*layout.outputs("exact", pack).values()]
            read += [layout.outputs("evaluate", pack)["per_image"]]
            if command.study.certify.images:
                read += [layout.outputs("certify", pack)["certify"]]
    recorder = command.recorder("tables", read)
    written = [*write_tables("tables", StudyResults(command.study, command.folder))]
    recorder.write(layout.provenance("tables", command.folder), written)


if __name__ == "__main__":
    run(main)
