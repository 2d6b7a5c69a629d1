from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flowdepth.base.processes import Process
from flowdepth.study.locks import Holder, held_since, refusal, release

THIS = Holder.this()


def ended() -> Holder:
    """A process that had another start than the one of its number now."""
    return replace(THIS, process=replace(THIS.process, start=THIS.process.start - 60))


def lock(folder: Path, name: str, first_line: str) -> Path:
    path = folder / f"{name}.lock"
    path.write_text(f"{first_line}\nresults/quick/metrics.csv\n")
    return path


def test_the_holder_of_a_lock_is_the_process_that_wrote_it(tmp_path: Path) -> None:
    words = (
        "from flowdepth.study.locks import Holder; print(Holder.this().line, flush=True); input()"
    )
    command = [sys.executable, "-c", words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        path = lock(tmp_path, "0.output", other.stdout.readline().strip())
        assert Holder.of(path).process.number == other.pid
        assert release(tmp_path) == []
        other.kill()
        other.wait()
    assert [holder.process.number for holder in release(tmp_path)] == [other.pid]
    assert not path.exists()


def test_locks_of_ended_processes_alone_are_removed(tmp_path: Path) -> None:
    elsewhere = replace(ended(), host="elsewhere")
    lines = {"0.input": ended().line, "0.output": ended().line}
    kept = {"1.input": THIS.line, "2.output": elsewhere.line, "3.output": "results/a.csv"}
    for name, line in (lines | kept).items():
        lock(tmp_path, name, line)
    assert release(tmp_path) == [ended()]
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.lock" for name in kept}


def test_a_process_of_this_machine_is_named_and_not_to_be_unlocked(tmp_path: Path) -> None:
    lock(tmp_path, "0.output", THIS.line)
    said = refusal(tmp_path)
    assert f"process {THIS.process.number} on {THIS.host}; wait for its end" in said
    assert "unlock" not in said


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (Holder(Process(7, 0.0), "elsewhere").line, "process 7 on elsewhere"),
        ("results/quick/data/images.safetensors", "a process that left no name"),
        ("", "a process that left no name"),
        ('{"process": "x"}', "a process that left no name"),
    ],
)
def test_what_cannot_be_seen_from_here_is_left_to_the_user(
    tmp_path: Path, line: str, name: str
) -> None:
    lock(tmp_path, "0.output", line)
    assert release(tmp_path) == []
    assert name in refusal(tmp_path)
    assert "run `snakemake --unlock`" in refusal(tmp_path)


def test_a_study_is_held_since_a_living_process_locked_its_files(tmp_path: Path) -> None:
    quick = Path("results/quick")
    assert held_since(tmp_path, quick) is None
    ended_one = lock(tmp_path, "0.output", ended().line)
    assert held_since(tmp_path, quick) is None
    ended_one.unlink()
    living = lock(tmp_path, "1.output", THIS.line)
    assert held_since(tmp_path, quick) == living.stat().st_mtime
    assert held_since(tmp_path, Path("results/qui")) is None
