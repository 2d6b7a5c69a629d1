"""The packs' gaps and log-likelihoods -> the inference gap by depth as figure and table."""

from __future__ import annotations

from flowdepth.analysis.results import StudyResults
from flowdepth.report.drawing import write_figures
from flowdepth.report.setting import write_tables
from flowdepth.stages.command import run, study_command
from flowdepth.study import layout


def main() -> None:
    """Read the command line and write the files."""
    command = study_command(__doc__)
    stages = {"gaps": "gaps", "evaluate": "per_image"}
    if command.study.certify.images:
        stages["certify"] = "certify"
    read = [
        layout.outputs(stage, pack)[file]
        for stage, file in stages.items()
        for pack in command.packs
    ]
    recorder = command.recorder("gap_figures", read)
    results = StudyResults(command.study, command.folder)
    written = [*write_figures("gap_figures", results), *write_tables("gap_figures", results)]
    recorder.write(layout.provenance("gap_figures", command.folder), written)


if __name__ == "__main__":
    run(main)
