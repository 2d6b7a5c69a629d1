"""The study's tables -> paper/: main table and figures as a two-column paper sets them."""

from __future__ import annotations

from flowdepth.analysis.results import StudyResults
from flowdepth.report.paper import write_paper
from flowdepth.stages.command import run, study_command
from flowdepth.study import layout


def main() -> None:
    """Read the command line and write the folder of the paper."""
    command = study_command(__doc__)
    images = [layout.outputs("evaluate", pack)["per_image"] for pack in command.packs]
    read = [*layout.outputs("summarise", command.folder).values(), *images]
    recorder = command.recorder("paper", read)
    written = [*write_paper(StudyResults(command.study, command.folder))]
    recorder.write(layout.provenance("paper", command.folder), written)
    print(f"wrote {written[0].parent}")


if __name__ == "__main__":
    run(main)
