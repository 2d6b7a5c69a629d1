"""Studies whose results are there, for a page that lays them side by side."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.base.files import digest
from flowdepth.base.words import plain
from flowdepth.settings.study import NAME
from flowdepth.study import layout

# What the page is made of.
NEEDED = (
    *("metrics.csv", "summary.csv", "comparisons.csv", "tables/nll_by_depth.csv"),
    *("figures/nll_by_depth.svg", "provenance.json"),
)
EXAMPLE = "snakemake compare --config studies='[digits, mnist]'"


def finished(names: object, results: Path) -> dict[str, str]:
    """Return a SHA-256 sum of what the page shows of each named study: another one, another page.

    Raises
    ------
    UserError
        If ``names`` is no list of names, or a study's results are not under ``results``.
    """
    if not isinstance(names, list) or not names or len({*map(str, names)}) < len(names):
        raise UserError(
            f"studies: found {names!r}, expected the names of finished studies, each once: "
            f"{EXAMPLE}"
        )
    for name in map(str, names):
        if not re.fullmatch(f"({layout.REFERENCE.name}/)?{NAME.strip('^$')}", name):
            raise UserError(
                f"studies: found {plain(name)}, expected the name of a study, not a path: {EXAMPLE}"
            )
    missing = {str(name): _missing(results / str(name)) for name in names}
    if any(missing.values()):
        listed = "; ".join(f"{name} ({file} missing)" for name, file in missing.items() if file)
        kept = f"{layout.REFERENCE.name}/*"
        there = sorted(
            path.parent.relative_to(results).as_posix()
            for place in ("*", kept)
            for path in results.glob(f"{place}/provenance.json")
        )
        raise UserError(
            f"studies: no finished results of {listed}. Run each of them first, or leave it out; "
            f"finished here: {', '.join(there) or 'none'}"
        )
    return {name: _sum(results / name) for name in missing}


def _sum(folder: Path) -> str:
    sums = " ".join(digest(folder / name) for name in NEEDED)
    return hashlib.sha256(sums.encode()).hexdigest()


def _missing(folder: Path) -> str:
    return next((str(folder / name) for name in NEEDED if not (folder / name).is_file()), "")
