"""Where a study keeps its files: rules, stages, readers, provenance and monitor ask here.

The folder of a study, ``results/<name>``, holds one ``K<depth>/seeds<pack>`` for each depth and
pack of seeds. What a stage writes is in the folder of its pack, or in the study's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from flowdepth.base.errors import UserError

RESULTS = Path("results")
# Of studies that are kept in few files, without models.
REFERENCE = RESULTS / "reference"
PROVENANCE = ".provenance.json"

# By stage and name, what is written beside its provenance: for each pack ...
PACK_OUTPUTS = {
    "train": {"model": "model.safetensors", "history": "history.csv"},
    "evaluate": {
        "metrics": "metrics.csv",
        "per_image": "images.parquet",
        "convergence": "convergence.csv",
        "examples": "examples.safetensors",
    },
    "certify": {"certify": "certify.parquet"},
    "exact": {"exact": "exact.csv", "per_image": "exact.parquet"},
    "gaps": {"gaps": "gaps.parquet"},
}
# ... and once a study. Figures and tables are named by `report.registry`.
STUDY_OUTPUTS = {
    "prepare": {"images": "data/images.safetensors"},
    "describe": {"facts": "data/dataset.json"},
    "summarise": {
        "metrics": "metrics.csv",
        "summary": "summary.csv",
        "comparisons": "comparisons.csv",
        "convergence": "convergence.csv",
        "certificate": "certificate.csv",
    },
    "report": {"page": "report.html", "facts": "provenance.json"},
}
# What is kept of all packs of a study, by the attribute of its results that each file holds.
KEPT = {
    "history": "history.parquet",
    "images": "images.parquet",
    "annealed": "annealed.parquet",
    "gap_rows": "gaps.parquet",
    "exact": "exact.csv",
    "estimators": "estimators.parquet",
    "costs": "costs.csv",
    "examples": "examples.safetensors",
    "jobs": "jobs.json",
}
FIGURE_FORMS, TABLE_FORMS = ("svg", "pdf", "png"), ("csv", "md", "tex")


def outputs(stage: str, folder: Path) -> dict[str, Path]:
    """Return by name what a stage writes into the folder of its pack or study."""
    names = PACK_OUTPUTS.get(stage) or STUDY_OUTPUTS[stage]
    return {name: folder / path for name, path in names.items()}


def provenance(stage: str, folder: Path) -> Path:
    """Return the provenance of what a stage wrote into the folder of its pack or study."""
    about_data = stage in ("prepare", "describe")
    return folder / ("data" if about_data else "") / f"{stage}{PROVENANCE}"


def is_reference(folder: Path) -> bool:
    """Return whether a folder holds a study that was kept."""
    return provenance("publish", folder).exists()


def unfinished(stage: str, pack: Path) -> Path:
    """Return where a stage keeps its unfinished work on a pack, which no rule declares."""
    return pack / f"{stage}_unfinished.safetensors"


def pack(study: Path, depth: int | str, name: str) -> Path:
    """Return the folder of a pack; of all packs, where depth and name are wildcards."""
    return study / f"K{depth}" / f"seeds{name}"


def log(study: Path, stage: str, cell: str = "") -> Path:
    """Return where a stage writes its log; ``cell`` is that of a stage on a pack."""
    return study / "logs" / stage / f"{cell}.log" if cell else study / "logs" / f"{stage}.log"


def cell(depth: int | str, name: str) -> str:
    """Return what depth and pack are called in one word."""
    return f"K{depth}_seeds{name}"


def cell_of(path: Path) -> tuple[int, str] | None:
    """Return depth and pack of a file in the folder of a pack, None of any other."""
    found = re.search(r"(?:^|/)K(\d+)/seeds([^/]+)/[^/]+$", path.as_posix())
    return (int(found[1]), found[2]) if found else None


def depth_of(pack: Path) -> int:
    """Return the depth in the name of the folder ``K<depth>`` that holds ``pack``.

    Raises
    ------
    UserError
        If the folder has another name.
    """
    found = re.fullmatch(r"K(\d+)", pack.parent.name)
    if found is None:
        raise UserError(
            f"{pack}: the folder above it is called {pack.parent.name!r}, expected K<depth> "
            "such as K4; give folders results/<study>/K<depth>/seeds<pack>"
        )
    return int(found[1])


def figure(folder: Path, name: str) -> dict[str, Path]:
    """Return the files of a figure by their form."""
    return {form: folder / "figures" / f"{name}.{form}" for form in FIGURE_FORMS}


def table(folder: Path, name: str) -> dict[str, Path]:
    """Return the files of a table to read by their form."""
    return {form: folder / "tables" / f"{name}.{form}" for form in TABLE_FORMS}


def paper(folder: Path, figures: Sequence[str]) -> dict[str, Path]:
    """Return the files of the paper: ``tex``, ``table``, ``numbers``, and its figures by name."""
    drawn = {name: folder / "paper" / f"{name}.pdf" for name in figures}
    texts = {"tex": "paper.tex", "table": "main_table.tex", "numbers": "numbers.tex"}
    return {**{name: folder / "paper" / file for name, file in texts.items()}, **drawn}
