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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flowdepth.base.environment import git, peak_memory_mb, versions
from flowdepth.base.errors import UserError
from flowdepth.base.files import digest, write_text
from flowdepth.study import stamps
from flowdepth.study.layout import PROVENANCE


class Recorder:
    """A stage at work: construction verifies what it reads, ``write`` tells what it did.

    Parameters
    ----------
    stage
        Name of the stage, whose code stamp is kept.
    inputs
        Files that it reads.
    settings
        Its settings as JSON.
    chosen
        Modules that the settings name, as for `stamps.of_modules`.
    cell
        Depth and seeds, where the job has them.

    Attributes
    ----------
    facts
        Stage, settings and cell.
    code
        The stage's stamp.
    inputs
        SHA-256 sum of each input.

    Raises
    ------
    UserError
        If an input is missing, or is not what the job that wrote it left.
    """

    def __init__(
        self,
        stage: str,
        inputs: Iterable[Path],
        settings: str,
        chosen: Sequence[str] = (),
        **cell: object,
    ) -> None:
        self._start = time.perf_counter()
        self.inputs = {path: verify(path) for path in inputs}
        self.facts = {"stage": stage, **cell, "settings": json.loads(settings)}
        # As of now: an edit made while the job runs does not reach it.
        self.code, self._git = stamps.of_stage(stage, *chosen), git()

    def write(
        self, path: Path, outputs: Iterable[Path], earlier: float = 0.0, **used: object
    ) -> None:
        """Write the JSON to ``path``, paths relative to its folder.

        The seconds of interrupted attempts, ``earlier``, come on top.
        ``used`` replaces what is known of a process on the CPU: ``device``, ``threads``,
        ``peak_memory_mb``, ``seconds``.
        """
        facts = {
            **self.facts,
            "code": self.code,
            "git": self._git,
            "versions": versions("flowdepth", "torch", "numpy"),
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
    except (ValueError, KeyError, TypeError):
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
        verify(_place(record, name))


def verify_changed(folder: Path, deep: bool = True) -> None:
    """Verify every file under ``folder`` of another time than the provenance of its job.

    Without ``deep``, only what the jobs of the whole study wrote, whose provenance lies in
    ``folder`` itself.

    Snakemake gives the outputs of a job one modification time.
    Snakemake clears the outputs of what it is to run again: a damaged input has to be found before.

    Raises
    ------
    UserError
        If such a file, or a provenance, is not as it was written.
    """
    for fault in damage(folder, deep):
        raise fault


def damage(folder: Path, deep: bool = True) -> Iterator[UserError]:
    """Yield what `verify_changed` would raise, and go on to the next file."""
    for record in sorted(folder.glob(f"{'**/' * deep}*{PROVENANCE}")):
        try:
            finished, facts = record.stat().st_mtime_ns, read(record)
        except UserError as fault:
            yield fault
            continue
        for path in (_place(record, name) for name in facts["outputs"]):
            try:
                if path.exists() and path.stat().st_mtime_ns != finished:
                    _verified(path, record, facts)
            except UserError as fault:
                yield fault


def _place(record: Path, name: str) -> Path:
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
