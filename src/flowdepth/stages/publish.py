"""A finished study -> a few small files in results/reference that git can keep, and its pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from flowdepth.analysis.keeping import keep, whole
from flowdepth.analysis.results import StudyResults
from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.report import registry
from flowdepth.settings.study import Study
from flowdepth.stages.command import run, study_command
from flowdepth.stages.rebuild import drawn_from_models, forms, rebuild
from flowdepth.study import layout, provenance
from flowdepth.study.jobs import wants


def main() -> None:
    """Read the command line; keep the study, and make its pages from what was kept."""
    command = study_command(__doc__)
    target = command.folder.parent / layout.REFERENCE.name / command.study.name
    results = StudyResults(command.study, command.folder)
    _verify(results)
    _clear(target)
    # Without inputs: where they lay is nobody else's, and their sums are kept with the jobs.
    recorder = command.recorder("publish", [])
    written = [*keep(results, target), *_pictures(command.study, command.folder, target)]
    recorder.write(layout.provenance("publish", target), written)
    made = [*rebuild(target)]
    print(f"wrote {target}: {len(written)} files that are kept, {len(made)} made from them")


def _verify(results: StudyResults) -> None:
    """Verify what is to be kept, and that it was made from what its jobs left."""
    stages = [stage for stage in layout.PACK_OUTPUTS if wants(results.study, stage)]
    files = [
        path
        for pack in results.packs
        for stage in stages
        for path in layout.outputs(stage, pack).values()
        if path.name != layout.PACK_OUTPUTS["train"]["model"]
    ]
    read = [*whole(results), *files]
    for path in read:
        provenance.verify(path)
    provenance.verify_origins(read)


def _clear(target: Path) -> None:
    if layout.is_reference(target):
        shutil.rmtree(target)
    elif target.exists():
        raise UserError(
            f"{target}: found something else than a study that was published; move it away"
        )


def _pictures(study: Study, folder: Path, target: Path) -> Iterator[Path]:
    """Copy the figures that are drawn from models, which are not kept; yield the copies."""
    for figure in registry.figures(study):
        if drawn_from_models(figure):
            drawn, copies = (layout.figure(at, figure.name) for at in (folder, target))
            for form in forms(figure):
                provenance.verify(drawn[form])
                write_bytes(copies[form], drawn[form].read_bytes())
                yield copies[form]


if __name__ == "__main__":
    run(main)
