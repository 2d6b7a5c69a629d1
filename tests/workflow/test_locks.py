from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checkout import QUICK, Checkout
from flowdepth.study.locks import Holder

THIS = Holder.this()
KILLED = replace(THIS, process=replace(THIS.process, start=THIS.process.start - 60))


def hold(study: Checkout, holder: Holder) -> Path:
    """Leave the lock of a process that prepares the images."""
    lock = study.folder / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(f"{holder.line}\nresults/quick/data/images.safetensors\n")
    return lock


def test_a_study_goes_on_after_a_killed_process_and_waits_for_a_living_one(
    fresh: Checkout, tmp_path: Path
) -> None:
    study = fresh.copy(tmp_path / "study")
    lock = hold(study, THIS)
    refused = study.snakemake("prepare", *QUICK)
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"another snakemake works on files of this study: {THIS}; wait for its end" in said
    assert "Traceback" not in said
    assert lock.exists()
    hold(study, KILLED)
    done = study.snakemake("prepare", *QUICK)
    assert done.returncode == 0, done.stderr
    assert f"{KILLED} was killed at this study; going on" in done.stderr
    assert (study.results / "data" / "images.safetensors").exists()
    assert not lock.exists()
