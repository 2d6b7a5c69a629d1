"""The study's tables and the packs' images, histories and examples -> figures."""

from __future__ import annotations

from flowdepth.analysis.results import StudyResults
from flowdepth.report.drawing import write_figures
from flowdepth.stages.command import run, study_command
from flowdepth.study import layout


def main() -> None:
    """Read the command line and write the files."""
    command = study_command(__doc__)
    tables = layout.outputs("summarise", command.folder)
    read = [tables[name] for name in ("metrics", "summary", "convergence")]
    for pack in command.packs:
        evaluated = layout.outputs("evaluate", pack)
        read += [layout.outputs("train", pack)["history"], *evaluated.values()]
    recorder = command.recorder("figures", read)
    results = StudyResults(command.study, command.folder)
    written = [*write_figures("figures", results)]
    recorder.write(layout.provenance("figures", command.folder), written)


if __name__ == "__main__":
    run(main)
