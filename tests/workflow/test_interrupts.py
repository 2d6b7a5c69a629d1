from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from checkout import QUICK, Checkout

LONG = (*QUICK, "--config", "training={epochs: 100000}")


def test_a_second_interrupt_does_no_harm(fresh: Checkout, tmp_path: Path) -> None:
    """As from a terminal, where Ctrl-C reaches every process of the study."""
    study = fresh.copy(tmp_path / "study")
    log = study.results / "logs" / "train" / "K2_seeds0+1.log"
    target = "results/quick/K2/seeds0+1/model.safetensors"
    words = [sys.executable, "-m", "snakemake", target, *LONG]
    with (
        (tmp_path / "said").open("w") as said,
        subprocess.Popen(
            words,
            cwd=study.folder,
            env=study.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as run,
    ):
        while not (log.exists() and "epoch 3 " in log.read_text()):
            assert run.poll() is None
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
    output = (tmp_path / "said").read_text()
    assert run.returncode == 1
    assert "Traceback" not in output
    assert "At least one job did not complete successfully." in output
    assert (study.results / "K2" / "seeds0+1" / "train_unfinished.safetensors").exists()
    assert not (study.folder / ".snakemake" / "locks").exists()
