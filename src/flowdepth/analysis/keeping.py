"""What is kept of a finished study: tables as they are, one of all packs, thumbnails and costs.

The estimates of single test images are rounded to what their Monte-Carlo errors justify; no number
of the study's tables is computed from these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdepth.analysis import thumbnails
from flowdepth.analysis.results import StudyResults
from flowdepth.base.files import write_bytes, write_frame, write_text
from flowdepth.settings.study import Study
from flowdepth.study import alike, layout

# Of a job's provenance what nothing else that is kept tells.
_TOLD = (
    *("stage", "depth", "seeds", "seconds", "peak_memory_mb", "processor", "device"),
    *("device_name", "cpu_capability", "threads", "git", "versions", "code", "outputs"),
)


def keep(results: StudyResults, folder: Path) -> Iterator[Path]:
    """Write into ``folder`` what :class:`~flowdepth.analysis.reference.Reference` reads.

    Yields
    ------
    Path
        Each file.
    """
    for path in whole(results):
        write_bytes(folder / path.name, path.read_bytes())
        yield folder / path.name
    kept = {name: folder / layout.KEPT[name] for name in parts(results.study)}
    for name, path in kept.items():
        if name == "examples":
            write_bytes(path, thumbnails.packed(results.examples, results.metrics))
        elif name == "jobs":
            write_text(path, json.dumps(jobs(results), indent=1) + "\n")
        else:
            frame: pd.DataFrame = getattr(results, name)
            write_frame(as_known(frame) if name == "images" else frame, path)
        yield path


def whole(results: StudyResults) -> list[Path]:
    """Return the files of a study that are kept as they are."""
    return [layout.outputs("report", results.folder)["facts"], *results.files.values()]


def parts(study: Study) -> list[str]:
    """Return which of `layout.KEPT` a study has."""
    optional = {
        "annealed": study.certify.images > 0,
        "gap_rows": study.gaps.images > 0,
        "exact": study.evaluate.exact,
        "estimators": study.evaluate.exact and study.certify.images > 0,
    }
    return [name for name in layout.KEPT if optional.get(name, True)]


def jobs(results: StudyResults) -> dict[str, dict[str, Any]]:
    """Return by its path what every job on a pack ran on, took and wrote, with SHA-256 sums."""
    return {
        path.relative_to(results.folder).as_posix(): {
            name: facts[name] for name in _TOLD if name in facts
        }
        for path, facts in alike.read_jobs(results.study, results.packs).items()
    }


def as_known(images: pd.DataFrame) -> pd.DataFrame:
    """Return estimates with no more digits than they have.

    log p(x) and its error to two digits of the error, effective sample sizes to three digits,
    Pareto shapes to hundredths.
    """
    log_p, error, ess = (images[name].to_numpy(float) for name in ("log_p", "mcse", "ess"))
    return images.assign(
        log_p=_rounded(log_p, error, 2),
        mcse=_rounded(error, error, 2),
        ess=_rounded(ess, ess, 3),
        k_hat=images["k_hat"].round(2),
    )


def _rounded(
    values: NDArray[np.float64], sizes: NDArray[np.float64], digits: int
) -> NDArray[np.float64]:
    """Return each value to so many ``digits`` of its size, or as it is where that is none."""
    known = np.isfinite(sizes) & (sizes > 0)
    places = digits - 1 - np.floor(np.log10(np.where(known, sizes, 1))).astype(int)
    rounded = values.copy()
    for place in np.unique(places[known]):
        at = known & (places == place)
        rounded[at] = values[at].round(place)
    return rounded
