"""A JSON beside the outputs of every job: what it read, ran on, cost and wrote.

It holds the SHA-256 sum of each file written, against which the next stage verifies what it reads,
and one of itself. Beside the report it is the only file of a study that differs from run to run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from flowdepth.base.environment import git, peak_memory_mb, versions
from flowdepth.base.errors import UserError
from flowdepth.base.files import digest, write_text
from flowdepth.base.machine import processor
from flowdepth.study.layout import PROVENANCE


class Recorder:
    """A stage at work: construction verifies what it reads, ``write`` tells what it did.

    What it reads has to be made from what the jobs before have left, up to the images.

    Parameters
    ----------
    stage
        Name of the stage, whose code stamp is kept.
    inputs
        Files that it reads.
    settings
        Its settings as JSON.
    code
        Its stamp.
    facts
        More of it: depth and seeds, where the job has them.

    Attributes
    ----------
    facts
        Stage, settings and what else is known of the job.
    code
        The stage's stamp.
    inputs
        SHA-256 sum of each input.

    Raises
    ------
    UserError
        If an input is missing, is not what the job that wrote it left, or was made from other
        files than are there.
    """

    def __init__(
        self,
        stage: str,
        inputs: Iterable[Path],
        settings: str,
        code: str,
        **facts: object,
    ) -> None:
        self._start = time.perf_counter()
        self.inputs = {path: verify(path) for path in inputs}
        verify_origins(self.inputs)
        self.facts = {"stage": stage, **facts, "settings": json.loads(settings)}
        # As of now: an edit made while the job runs does not reach it.
        self.code, self._git = code, git()

    def confirm(self) -> None:
        """Return if the inputs are still those that the stage has read.

        Raises
        ------
        UserError
            If another job has written one of them since: what was computed belongs to nothing.
        """
        for path, found in self.inputs.items():
            if not path.exists() or digest(path) != found:
                raise UserError(
                    f"{path}: was written again while this job ran, whose results would be those "
                    "of the file before; run snakemake again"
                )

    def write(
        self, path: Path, outputs: Iterable[Path], earlier: float = 0.0, **used: object
    ) -> None:
        """Write the JSON to ``path``, paths relative to its folder.

        The seconds of interrupted attempts, ``earlier``, come on top.
        ``used`` replaces what is known of a process on the CPU: ``device``, ``threads``,
        ``peak_memory_mb``, ``seconds``.

        Raises
        ------
        UserError
            As `confirm`, in which case there is no provenance by which the outputs would count.
        """
        self.confirm()
        facts = {
            **self.facts,
            "code": self.code,
            "git": self._git,
            "versions": versions("flowdepth", "torch", "numpy"),
            "processor": processor(),
            "device": "cpu",
            "threads": 1,
            "peak_memory_mb": peak_memory_mb(),
            "seconds": round(earlier + time.perf_counter() - self._start, 3),
            **used,
            "inputs": {_relative(file, path): found for file, found in self.inputs.items()},
            "outputs": {_relative(file, path): digest(file) for file in outputs},
        }
        write_text(path, _rendered(facts))


def read(path: Path) -> dict[str, Any]:
    """Return what `Recorder.write` wrote.

    Raises
    ------
    UserError
        If the file is missing, or a byte of it is not as it was written.
    """
    try:
        text = path.read_text(encoding="utf-8")
        facts: dict[str, Any] = json.loads(text)
        del facts["sha256"]
        if _rendered(facts) == text:
            return facts
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run snakemake to make it") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UserError(
        f"{path}: damaged, its contents do not have the sum it gives itself; {_redo(path)}"
    )


def verify(path: Path) -> str:
    """Return the SHA-256 sum of a file, which is the one its writer left.

    Raises
    ------
    UserError
        If the file is missing, another one, of another depth than its folder's, or without a
        provenance beside it or in the folder above.
    """
    if not path.exists():
        raise UserError(f"{path}: missing; run snakemake to make it")
    return _verified(path, *_written_by(path))


def _verified(path: Path, record: Path, facts: dict[str, Any]) -> str:
    _check_depth(path, record, facts)
    found, expected = digest(path), facts["outputs"][_relative(path, record)]
    if found != expected:
        size = path.stat().st_size
        raise UserError(
            f"{path}: damaged or another file: found {size} bytes of SHA-256 sum {found[:12]}, "
            f"expected {expected[:12]} as stage {facts['stage']} wrote it ({record}); {_redo(path)}"
        )
    return found


def verify_outputs(record: Path) -> None:
    """Verify every file that the job wrote of which ``record`` is the provenance."""
    for name in read(record)["outputs"]:
        verify(place(record, name))


def verify_origins(paths: Iterable[Path]) -> None:
    """Verify that files were made from what is there, by the sums in their provenance.

    Raises
    ------
    UserError
        If what made one of them, or one that it was made from, read another file than is there.
    """
    seen: set[Path] = set()
    records = [_written_by(path)[0] for path in paths]
    while records:
        record = records.pop()
        if record in seen:
            continue
        seen.add(record)
        for name, found in read(record)["inputs"].items():
            origin = place(record, name)
            before, facts = _written_by(origin)
            there = facts["outputs"][_relative(origin, before)]
            if there != found:
                raise UserError(
                    f"{record}: its results were made from another {origin.name} (SHA-256 sum "
                    f"{found[:12]}) than {origin} ({there[:12]}); run `snakemake`, which makes "
                    "them again"
                )
            records.append(before)


def faults(record: Path) -> Iterator[str]:
    """Yield what is wrong with each file that a job wrote and with what they were made from."""
    try:
        paths = [place(record, name) for name in read(record)["outputs"]]
    except UserError as error:
        yield str(error)
        return
    checks: list[Callable[[], object]] = [partial(verify, path) for path in paths]
    checks.append(partial(verify_origins, paths))
    for check in checks:
        try:
            check()
        except UserError as error:
            yield str(error)


def records(folder: Path) -> Iterator[Path]:
    """Yield every provenance in the folder of a study; links to folders are followed."""
    for depth in ("", "data/", "K*/seeds*/"):
        yield from sorted(folder.glob(f"{depth}*{PROVENANCE}"))


def verify_changed(folder: Path) -> None:
    """Verify every file of a study of another time than the provenance of its job.

    Snakemake gives the outputs of a job one modification time.
    Snakemake clears the outputs of what it is to run again: a damaged input has to be found before.

    Raises
    ------
    UserError
        If such a file, or a provenance, is not as it was written.
    """
    for fault in damage(folder):
        raise fault


def bring_back(folder: Path) -> None:
    """Date results of the future, which a clock that was ahead has left, to now.

    Snakemake removes the results of a job that are older than what it read.
    """
    now = time.time_ns()
    for record in records(folder):
        for path in (record, *(place(record, name) for name in read(record)["outputs"])):
            if path.exists() and path.stat().st_mtime_ns > now:
                os.utime(path, ns=(now, now))


def damage(folder: Path) -> Iterator[UserError]:
    """Yield what `verify_changed` would raise, and go on to the next file."""
    for record in records(folder):
        try:
            finished, facts = record.stat().st_mtime_ns, read(record)
        except UserError as fault:
            yield fault
            continue
        for path in (place(record, name) for name in facts["outputs"]):
            try:
                if path.exists() and path.stat().st_mtime_ns != finished:
                    _verified(path, record, facts)
            except UserError as fault:
                yield fault


def place(record: Path, name: str) -> Path:
    """Return the file that ``record`` calls ``name``."""
    return Path(os.path.normpath(record.parent / name))


def _written_by(path: Path) -> tuple[Path, dict[str, Any]]:
    for folder in (path.parent, path.parent.parent):
        for record in sorted(folder.glob(f"*{PROVENANCE}")):
            facts = read(record)
            if _relative(path, record) in facts["outputs"]:
                return record, facts
    raise UserError(
        f"{path}: no *{PROVENANCE} beside it or above says what it should be; {_redo(path)}"
    )


def _check_depth(path: Path, record: Path, facts: dict[str, Any]) -> None:
    folder = re.fullmatch(r"K(\d+)", path.parent.parent.name)
    if folder and "depth" in facts and int(folder[1]) != facts["depth"]:
        raise UserError(
            f"{path}: found results of K = {facts['depth']} ({record}), expected K = {folder[1]}; "
            f"delete {path.parent} and run snakemake again"
        )


def _redo(path: Path) -> str:
    return f"delete it and run `snakemake {path}`, which makes it again"


def _rendered(facts: dict[str, Any]) -> str:
    own = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return json.dumps({**facts, "sha256": own}, indent=2, sort_keys=True) + "\n"


def _relative(path: Path, record: Path) -> str:
    return Path(os.path.relpath(path, record.parent)).as_posix()
