"""Whether results belong to a study as it is now: the provenance beside them decides.

Snakemake's own records may be lost, or be those of another folder. A job's results belong to the
study if the job had these settings and this code, if all its files are there, their provenance
too, and if what it read is what the job before it has written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flowdepth.base.errors import UserError
from flowdepth.base.words import duration
from flowdepth.settings.sections import flat
from flowdepth.settings.study import Study
from flowdepth.study import layout, provenance
from flowdepth.study.jobs import Job, jobs, settings

_NAMED = 3  # of files, settings and modules, at most
Records = Mapping[Job, dict[str, Any]]


def unfit(
    study: Study,
    folder: Path,
    code: Callable[[str], str] | None,
    source: Mapping[str, str],
) -> dict[Job, str]:
    """Return the jobs whose results in ``folder`` do not belong to the study, each with the reason.

    Parameters
    ----------
    code
        Gives the stamp of a stage; None where neither code nor settings are to count.
    source
        What the images are taken from, as stage prepare records it.

    Jobs without results are left out, and those with a damaged provenance, which is refused where
    it is verified.
    """
    records = dict(_records(study, folder))
    written = {
        provenance.place(job.record, name): found
        for job, facts in records.items()
        for name, found in facts["outputs"].items()
    }
    found = {job: f"no {job.record.name}" for job in jobs(study, folder) if _is_unrecorded(job)}
    for job, facts in records.items():
        reasons = [*_lost(job, facts), *_of_others(job, facts), *_unlike(job, facts, written)]
        if code is not None:
            reasons += _outdated(study, job, facts, code(job.stage))
            if job.stage == "prepare" and facts.get("source") != source:
                reasons.append(_other_data(source, facts.get("source") or {}))
        if reasons:
            found[job] = ", ".join(reasons)
    return found


def replaced(study: Study, folder: Path, found: Mapping[Job, str]) -> str:
    """Return which trainings a run would replace, and how long they took; nothing if it is none.

    ``found`` is what `unfit` returns. Other images have every training run again.
    """
    records = {job: facts for job, facts in _records(study, folder) if job.stage == "train"}
    whys = [why for job, why in found.items() if job.stage == "prepare" and job.record.exists()]
    if not whys:
        records = {job: facts for job, facts in records.items() if job in found}
        whys = [found[job] for job in records]
    if not records:
        return ""
    seeds = sum(len(job.seeds) for job in records)
    seconds = sum(facts["seconds"] for facts in records.values())
    what = f"{seeds} finished trainings" if seeds > 1 else "A finished training"
    return (
        f"{what} in {folder} ({duration(seconds)}) will be replaced: {whys[0]}; to keep them, give "
        "this study another name: --config name=NAME"
    )


def _records(study: Study, folder: Path) -> Iterator[tuple[Job, dict[str, Any]]]:
    for job in jobs(study, folder):
        if job.record.exists():
            try:
                yield job, provenance.read(job.record)
            except UserError:
                continue


def _is_unrecorded(job: Job) -> bool:
    """Return whether files of the job are there without their provenance."""
    if job.record.exists() or job.stage not in {*layout.PACK_OUTPUTS, *layout.STUDY_OUTPUTS}:
        return False
    return any(file.exists() for file in layout.outputs(job.stage, job.folder).values())


def _lost(job: Job, facts: Mapping[str, Any]) -> Iterator[str]:
    names = [name for name in facts["outputs"] if not (job.record.parent / name).exists()]
    if names:
        yield f"missing files ({_some(names)})"


def _of_others(job: Job, facts: Mapping[str, Any]) -> Iterator[str]:
    depth, seeds = facts.get("depth"), tuple(facts.get("seeds", ()))
    if (facts["stage"], depth, seeds) != (job.stage, job.depth, job.seeds):
        yield f"results of {facts['stage']} K = {depth}, seeds {seeds}"


def _unlike(job: Job, facts: Mapping[str, Any], written: Mapping[Path, str]) -> Iterator[str]:
    """Yield a reason if the job did not read what the jobs before it have left."""
    read = {provenance.place(job.record, name): sum_ for name, sum_ in facts["inputs"].items()}
    other = [path for path, found in read.items() if written.get(path) != found]
    if other:
        yield f"made from another {_some([path.name for path in other])}"


def _outdated(study: Study, job: Job, facts: Mapping[str, Any], code: str) -> Iterator[str]:
    now, then = dict(flat(json.loads(settings(study, job.stage)))), dict(flat(facts["settings"]))
    if changed := _differing(now, then):
        yield f"settings ({_some(changed)})"
    stamps = (dict(stamp.split("@") for stamp in text.split()) for text in (code, facts["code"]))
    if changed := _differing(*stamps):
        yield f"code ({_some([name.removeprefix('flowdepth.') for name in changed])})"


def _other_data(now: Mapping[str, str], then: Mapping[str, str]) -> str:
    arrays = (
        dict(word.split("@") for word in side.get("own_images", "").split()) for side in (now, then)
    )
    names = _differing(*arrays)
    return f"data ({_some(names)})" if names else "data"


def _differing(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    absent = object()
    return [name for name in {**now, **then} if now.get(name, absent) != then.get(name, absent)]


def _some(names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - _NAMED
    return ", ".join(distinct[:_NAMED]) + (f" and {more} more" if more > 0 else "")
