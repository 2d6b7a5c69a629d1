"""Whether the packs of a study were made alike, and what with: the facts of its provenance."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flowdepth.base.environment import versions
from flowdepth.base.errors import UserError
from flowdepth.settings.sections import flat
from flowdepth.settings.study import Study
from flowdepth.study import layout, provenance
from flowdepth.study.jobs import wants

STUDY = "the study"
IMAGES = Path(layout.STUDY_OUTPUTS["prepare"]["images"]).name
_NAMED = 3  # files of a kind, at most
_PACKAGES = ("flowdepth", "pandas", "scipy", "snakemake")

Facts = Mapping[str, Any]


def read_jobs(study: Study, packs: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Return the provenance of every job on a pack that the report rests on, by its path.

    Raises
    ------
    UserError
        If one is missing or damaged.
    """
    stages = [stage for stage in layout.PACK_OUTPUTS if wants(study, stage)]
    paths = [layout.provenance(stage, pack) for stage in stages for pack in packs]
    return {path: provenance.read(path) for path in paths}


def differences(study: Study, prepared: Facts, jobs: Mapping[Path, Facts]) -> list[str]:
    """Return a line for each fact in which jobs of one stage differ: its values and their files.

    Code, torch, kind of device and instruction set are compared among the packs, settings with
    those of the study, and the images with the ones that ``prepared``, the provenance of stage
    prepare, wrote.
    """
    lines: list[str] = []
    for stage in dict.fromkeys(job["stage"] for job in jobs.values()):
        mine = {str(path): job for path, job in jobs.items() if job["stage"] == stage}
        alike = {path: dict(_to_be_alike(job)) for path, job in mine.items()}
        given = {path: dict(_given(job["settings"], job["inputs"])) for path, job in mine.items()}
        settings = json.loads(study.pack_settings(stage))
        asked = {STUDY: dict(_given(settings, prepared["outputs"]))}
        lines += [f"{stage}: {line}" for line in (*_unequal(alike), *_unequal({**asked, **given}))]
    return lines


def refuse(lines: Sequence[str]) -> None:
    """Raise `UserError` if there are differences."""
    if lines:
        raise UserError(
            "The packs of the study were not made alike, so that their numbers cannot be compared:"
            + "".join(f"\n  {line}" for line in lines)
            + "\nDelete the folders of those that should not be as they are and run snakemake "
            "again, or set report.mixed to allow"
        )


def study_facts(
    study: Study, jobs: Mapping[Path, Facts], dataset: Facts, mixed: Sequence[str]
) -> dict[str, Any]:
    """Return the facts of ``provenance.json``; what jobs do not share is a list."""
    facts = [*jobs.values()]
    seconds: dict[str, float] = defaultdict(float)
    for job in facts:
        seconds[job["stage"]] += job["seconds"]
    return {
        "study": study.name,
        "git": _shared(job["git"] for job in facts),
        "versions": _shared(job["versions"] for job in facts),
        "report": versions(*_PACKAGES),
        "devices": sorted({job.get("device_name", job["device"]) for job in facts}),
        "mixed": [*mixed],
        "seconds": {stage: round(total, 1) for stage, total in seconds.items()},
        "data": dataset,
        "settings": json.loads(study.whole()),
    }


def _to_be_alike(job: Facts) -> Iterator[tuple[str, Any]]:
    for module in job["code"].split():
        name, _, stamp = module.partition("@")
        yield f"code of {name}", stamp
    yield "torch", job["versions"]["torch"]
    yield "device", " ".join(job[key] for key in ("device", "cpu_capability") if key in job)


def _given(settings: Facts, files: Facts) -> Iterator[tuple[str, Any]]:
    yield from flat(settings)
    for path, found in files.items():
        if Path(path).name == IMAGES:
            yield "SHA-256 sum of the images", found[:12]


def _unequal(facts: Mapping[str, Facts]) -> Iterator[str]:
    for name in dict.fromkeys(name for found in facts.values() for name in found):
        files = defaultdict(list)
        for file, found in facts.items():
            files[str(found.get(name, "none"))].append(file)
        if len(files) > 1:
            yield f"{name} is " + "; ".join(f"{v} in {_listed(of)}" for v, of in files.items())


def _listed(files: Sequence[str]) -> str:
    more = len(files) - _NAMED
    return ", ".join(files[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _shared(values: Iterator[Any]) -> Any:  # noqa: ANN401
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    return distinct[0] if len(distinct) == 1 else distinct
