"""The study's tables and figures -> report.html, one page by itself, and provenance.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flowdepth.analysis.readers import read_json
from flowdepth.analysis.results import StudyResults
from flowdepth.base.files import write_text
from flowdepth.report import registry
from flowdepth.report.page import page
from flowdepth.stages.command import StudyCommand, run, study_command
from flowdepth.study import alike, layout, provenance
from flowdepth.study.leftovers import forget


def main() -> None:
    """Read the command line; write the page and the facts it rests on."""
    command = study_command(__doc__)
    recorder = command.recorder("report", _read(command))
    facts = _facts(command)
    html = page(StudyResults(command.study, command.folder), facts)
    recorder.confirm()
    written = layout.outputs("report", command.folder)
    write_text(written["facts"], json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    write_text(written["page"], html)
    recorder.write(layout.provenance("report", command.folder), written.values())
    for pack in command.packs:
        forget(pack)
    print(f"wrote {written['page']}")


def _read(command: StudyCommand) -> list[Path]:
    """Return what the stages left that the page rests on."""
    drawn = [figure.stage for figure in registry.figures(command.study)]
    drawn += [table.stage for table in registry.tables(command.study)]
    stages = sorted({"describe", "summarise", *drawn} - {"report"})
    records = [layout.provenance(stage, command.folder) for stage in stages]
    return [
        provenance.place(record, name)
        for record in records
        for name in provenance.read(record)["outputs"]
    ]


def _facts(command: StudyCommand) -> dict[str, Any]:
    """Return the facts of ``provenance.json``, unless packs were mixed that may not be."""
    study, folder = command.study, command.folder
    jobs = alike.read_jobs(study, command.packs)
    prepared = provenance.read(layout.provenance("prepare", folder))
    mixed = alike.differences(study, prepared, jobs)
    if study.report.mixed == "refuse":
        alike.refuse(mixed)
    dataset = read_json(layout.outputs("describe", folder)["facts"])
    return alike.study_facts(study, jobs, dataset, mixed)


if __name__ == "__main__":
    run(main)
