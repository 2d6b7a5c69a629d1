"""What the report reads of a fabricated study, and what it writes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flowdepth.analysis.columns import CERTIFIED
from flowdepth.analysis.gaps import COLUMNS
from flowdepth.analysis.results import StudyResults
from flowdepth.analysis.summary import study_tables
from flowdepth.base.files import write_frame
from flowdepth.report import registry
from flowdepth.report.setting import write_tables
from flowdepth.settings.study import Study
from flowdepth.study import layout
from helpers import leave_provenance

GAP_IMAGES = 6
ANNEALED = 10


def summarise(study: Study, packs: list[Path], root: Path) -> StudyResults:
    """Write the study's tables of numbers; return its results."""
    numbers = study_tables(study, packs)
    for name, table in numbers.items():
        table.to_csv(root / f"{name}.csv", index=False)
    leave_provenance(root, "summarise", [f"{name}.csv" for name in numbers])
    return StudyResults(study, root)


def finish(study: Study, packs: list[Path], root: Path) -> StudyResults:
    """Write what the report reads; return the study's results."""
    results = summarise(study, packs, root)
    leave_provenance(root, "tables", [*write_tables("tables", results)])
    (root / "figures").mkdir()
    for stage in ("figures", "gap_figures", "posteriors"):
        drawn = [one.name for one in registry.figures(study, stage)]
        files = [path for name in drawn for path in layout.figure(root, name).values()]
        for path in files:
            path.write_text(f'<svg viewBox="0 0 9 9"><g>{path.stem} as {path.suffix[1:]}</g></svg>')
        leave_provenance(root, stage, [*files, *write_tables(stage, results)])
    return results


def write_certificate(
    pack: Path, seeds: tuple[int, ...], bias: float, failed: Collection[tuple[int, int]] = ()
) -> None:
    """Write what annealing says of a pack's images: importance sampling is low by ``bias``."""
    depth = layout.depth_of(pack)
    done = [seed for seed in seeds if (depth, seed) not in failed]
    estimates = pd.read_parquet(pack / "images.parquet").set_index(["seed", "image"])
    rows = [
        _annealed(kind, seed, image, estimates.loc[(seed, image), "log_p"], bias)
        for kind in ("test", "simulated")
        for seed in done
        for image in range(0, 4 * ANNEALED, 4)
    ]
    write_frame(pd.DataFrame(rows, columns=[*CERTIFIED]), pack / "certify.parquet")
    leave_provenance(pack, "certify", ["certify.parquet"])


def _annealed(kind: str, seed: int, image: int, log_p: float, bias: float) -> dict[str, Any]:
    lower = log_p + bias + 0.05 * np.cos(image)
    return {
        **{"kind": kind, "seed": seed, "image": image, "importance": log_p},
        **{"importance_mcse": 0.4, "annealed": lower, "annealed_mcse": 0.02},
        **{"bias": lower - log_p, "upper": lower + 0.03 if kind == "simulated" else np.nan},
        **{"upper_mcse": 0.02, "acceptance": 0.65},
    }


def write_gaps(
    study: Study, packs: list[Path], gained: float = 0.0, failed: Collection[tuple[int, int]] = ()
) -> None:
    """Write the gaps of every pack: approximation gaps shrink with depth, amortisation gaps grow.

    ``failed`` lists pairs of depth and seed; ``gained`` is what the last round did, in nats.
    """
    seeds = study.packs()
    for pack in packs:
        depth = layout.depth_of(pack)
        log_p = pd.read_parquet(pack / "images.parquet").set_index(["seed", "image"])["log_p"]
        rows = [
            _gaps_of_image(depth, seed, image, log_p[seed, image], gained)
            for seed in seeds[pack.name.removeprefix("seeds")]
            if (depth, seed) not in failed
            for image in range(GAP_IMAGES)
        ]
        write_frame(pd.DataFrame(rows, columns=COLUMNS), pack / "gaps.parquet")
        leave_provenance(pack, "gaps", ["gaps.parquet"])


def _gaps_of_image(
    depth: int, seed: int, image: int, log_p: float, gained: float
) -> dict[str, float]:
    chance = np.random.default_rng((depth, seed, image)).normal(0, 0.02, 2)
    gaps = 0.3 / (1 + depth) + chance[0], 0.4 + 0.02 * depth + chance[1]
    bounds = {"elbo": log_p - sum(gaps), "optimised_elbo": log_p - gaps[0]}
    return {"seed": seed, "image": image, **bounds, "last_improvement": gained}


def write_exact(packs: list[Path]) -> None:
    """Write for every pack a quadrature that finds 0.01 nats less than its estimates."""
    for pack in packs:
        estimates = pd.read_parquet(pack / "images.parquet")
        log_p = {"exact_log_p": estimates["log_p"] + 0.01, "error": 1e-7}
        by_image = estimates[["seed", "image"]].assign(**log_p)
        nll = -by_image.groupby("seed")["exact_log_p"].mean()
        by_seed = pd.DataFrame({"seed": nll.index, "exact_nll": nll.to_numpy()})
        write_frame(by_seed.assign(exact_error=1e-8), pack / "exact.csv")
        write_frame(by_image, pack / "exact.parquet")
        leave_provenance(pack, "exact", ["exact.csv", "exact.parquet"])


def against(reference: int, depth: int, low: float, high: float, p: float) -> dict[str, Any]:
    """Return a row of comparisons: of depth and reference, an interval and Holm's p-value."""
    kind = "neighbour" if reference else "vanilla"
    place = {"kind": kind, "reference": reference, "depth": depth, "seeds": 5, "failed": 0}
    found = {"mean": (low + high) / 2, "low": low, "high": high, "p": p / 2, "p_holm": p}
    return {**place, **found, "correction_se": np.nan}
