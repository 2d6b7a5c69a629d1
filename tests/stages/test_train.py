from __future__ import annotations

import resource
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.data.prepare import prepare
from flowdepth.data.prepared import Images
from flowdepth.model import checkpoint
from flowdepth.settings.sections import Dataset, Model
from flowdepth.settings.study import Study, read_study
from flowdepth.study import provenance
from flowdepth.study.leftovers import forget
from trained import leave_images, pack_command, pack_of


def study(**training: object) -> Study:
    return read_study(
        {
            **{"name": "t", "depths": [2], "seeds": [3, 7]},
            **{"model": {"hidden": [16], "latent": 2}, "training": {"epochs": 2, **training}},
            "objective": {"annealing": {"length": 1}},
        }
    )


@pytest.fixture(scope="module")
def images() -> Images:
    return prepare(Dataset())


def test_training_writes_model_history_and_provenance(tmp_path: Path, images: Images) -> None:
    leave_images(tmp_path, images)
    words = pack_command("train", tmp_path, study())
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    pack = pack_of(tmp_path, study())
    model, header = checkpoint.load(pack / "model.safetensors")
    history = pd.read_csv(pack / "history.csv")
    assert (header.depth, header.seeds, header.pixels) == (2, (3, 7), 64)
    assert header.settings == study().train_settings()
    assert model.replicas == 2
    assert history[["seed", "epoch"]].to_numpy().tolist() == [[3, 1], [3, 2], [7, 1], [7, 2]]
    facts = provenance.read(pack / "train.provenance.json")
    assert (facts["depth"], facts["seeds"], facts["threads"]) == (2, [3, 7], 1)
    assert set(facts["outputs"]) == {"model.safetensors", "history.csv"}
    assert provenance.verify(pack / "model.safetensors")
    assert facts["seconds"] > 0
    assert facts["peak_memory_mb"] > 50
    line = r"epoch 2  train -\d+\.\d\d  validation -\d+\.\d\d nats .* beta 1\.00  [\d,]+ images/s"
    assert pd.Series(done.stdout.splitlines()).str.match(line).sum() == 1


def test_a_model_that_does_not_fit_the_memory_is_refused(tmp_path: Path, images: Images) -> None:
    leave_images(tmp_path, images)
    large = study().model_copy(update={"model": Model(hidden=(10_000_000, 10_000_000))})
    done = subprocess.run(pack_command("train", tmp_path, large), capture_output=True, text=True)
    assert done.returncode == 1
    assert "error: training 2 seeds at K = 2 does not fit this machine's memory (" in done.stderr
    assert "set seeds_per_job to 1 or less, free it of other processes" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_a_killed_training_ends_with_the_bytes_of_an_undisturbed_one(
    tmp_path: Path, images: Images, number: signal.Signals
) -> None:
    """SIGKILL after a save at every update; the other signals after none."""
    longer = study(epochs=6, batch_size=32)
    interval = "0" if number == signal.SIGKILL else "3600"
    for folder in (tmp_path / "whole", tmp_path / "killed"):
        leave_images(folder, images)
    whole, pack = (pack_of(tmp_path / name, longer) for name in ("whole", "killed"))
    subprocess.run(
        pack_command("train", tmp_path / "whole", longer), capture_output=True, check=True
    )
    words = [*pack_command("train", tmp_path / "killed", longer), "--save-every", interval]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        while not killed.stdout.readline().startswith("epoch 3"):
            pass
        killed.send_signal(number)
        rest = killed.stdout.read()
    assert (pack / "train_unfinished.safetensors").exists()
    assert not (pack / "model.safetensors").exists()
    if number != signal.SIGKILL:
        assert killed.returncode == 75
        assert f"{number.name}: saved to {pack / 'train_unfinished'}" in rest.splitlines()[-1]
    done = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "going on after" in done
    assert "epoch 2" not in done
    for name in ("model.safetensors", "history.csv"):
        assert (pack / name).read_bytes() == (whole / name).read_bytes()
    forget(pack)
    outputs = {"model.safetensors", "history.csv", "train.provenance.json"}
    assert {path.name for path in pack.iterdir()} == outputs


def test_a_training_whose_log_nobody_reads_saves_what_it_has(
    tmp_path: Path, images: Images
) -> None:
    """A time limit of a cluster ends the reader at once."""
    longer = study(epochs=100_000, batch_size=32)
    leave_images(tmp_path, images)
    words = [*pack_command("train", tmp_path, longer), "--save-every", "3600"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as stopped:
        assert stopped.stdout is not None
        while not stopped.stdout.readline().startswith("epoch 3"):
            pass
        stopped.stdout.close()
        time.sleep(0.5)
        stopped.send_signal(signal.SIGTERM)
    assert stopped.returncode == 75
    assert (pack_of(tmp_path, longer) / "train_unfinished.safetensors").exists()


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path: Path, images: Images) -> None:
    leave_images(tmp_path, images)
    limit = (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    failed = subprocess.run(
        pack_command("train", tmp_path, study()),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    pack = pack_of(tmp_path, study())
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {pack / 'model.safetensors'}: could not be written")
    assert "Traceback" not in failed.stderr
    assert not list(pack.iterdir())


def test_room_for_the_results_is_enough_to_train_to_the_end(tmp_path: Path, images: Images) -> None:
    """A state is some four times as large as the model."""
    leave_images(tmp_path, images)
    limit = (60_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    done = subprocess.run(
        [*pack_command("train", tmp_path, study()), "--save-every", "0"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert done.returncode == 0, done.stderr
    (warning,) = (line for line in done.stdout.splitlines() if line.startswith("warning: "))
    assert "train_unfinished.safetensors: could not be written (File too large)" in warning
    outputs = {"model.safetensors", "history.csv", "train.provenance.json"}
    assert {path.name for path in pack_of(tmp_path, study()).iterdir()} == outputs


def test_missing_images_are_named(tmp_path: Path) -> None:
    words = pack_command("train", tmp_path, study())
    failed = subprocess.run(words, capture_output=True, text=True)
    assert failed.returncode == 1
    path = tmp_path / "data" / "images.safetensors"
    assert failed.stderr == f"error: {path}: missing; run snakemake to make it\n"
