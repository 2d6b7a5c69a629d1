"""What was kept of studies -> their figures, tables, paper and page again, without any model."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from flowdepth.analysis.readers import read_json
from flowdepth.analysis.reference import Reference
from flowdepth.base.errors import UserError
from flowdepth.base.files import digest, write_text
from flowdepth.report import registry
from flowdepth.report.drawing import write_figures
from flowdepth.report.page import page
from flowdepth.report.paper import write_paper
from flowdepth.report.registry import Figure
from flowdepth.report.setting import write_tables
from flowdepth.stages.command import run
from flowdepth.study import layout, provenance
from flowdepth.study.provenance import Recorder


def main() -> None:
    """Read the command line; rebuild each study, and say what is another file than before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="*", help="results/reference/<study>")
    folders = parser.parse_args().folder or sorted(
        path for path in layout.REFERENCE.glob("*") if layout.is_reference(path)
    )
    if not folders:
        raise UserError(f"{layout.REFERENCE}: found no published study, expected one; see publish")
    for folder in folders:
        before = _sums(folder)
        written = [*rebuild(folder)]
        changed = [path for path in written if before.get(path) != digest(path)]
        print(f"{folder}: {len(written)} files, {len(changed) or 'none'} changed")
        for path in changed:
            print(f"  {path}")


def drawn_from_models(figure: Figure) -> bool:
    """Return whether a figure can be drawn with models alone."""
    return figure.stage == "posteriors"


def forms(figure: Figure) -> tuple[str, ...]:
    """Return in which forms a figure is kept: as pixels only where the page shows them."""
    return layout.FIGURE_FORMS if figure.is_pixels else ("svg", "pdf")


def rebuild(folder: Path) -> Iterator[Path]:
    """Make everything that a reader looks at from what was kept in ``folder``; yield the files.

    Raises
    ------
    UserError
        If something that was kept is missing or damaged.
    """
    kept = layout.provenance("publish", folder)
    provenance.verify_outputs(kept)
    results = Reference(folder)
    read = [provenance.place(kept, name) for name in provenance.read(kept)["outputs"]]
    code = registry.code(results.study, "rebuild")
    recorder = Recorder("rebuild", read, results.study.whole(), code)
    with redirect_stdout(io.StringIO()):
        written = [*_pages(results)]
    recorder.write(layout.provenance("rebuild", folder), written)
    yield from written


def _pages(results: Reference) -> Iterator[Path]:
    study, folder = results.study, results.folder
    for stage in dict.fromkeys(
        one.stage for one in registry.figures(study) if not drawn_from_models(one)
    ):
        yield from write_figures(stage, results, forms)
    for stage in dict.fromkeys(one.stage for one in registry.tables(study)):
        if stage != "report":
            yield from write_tables(stage, results)
    yield from write_paper(results)
    written = layout.outputs("report", folder)
    write_text(written["page"], page(results, read_json(written["facts"])))
    yield written["page"]


def _sums(folder: Path) -> dict[Path, str]:
    record = layout.provenance("rebuild", folder)
    outputs = provenance.read(record)["outputs"] if record.exists() else {}
    paths = [provenance.place(record, name) for name in outputs]
    return {path: digest(path) for path in paths if path.exists()}


if __name__ == "__main__":
    run(main)
