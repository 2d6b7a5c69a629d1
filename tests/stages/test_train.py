from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from flowdepth.compute.devices import select
from flowdepth.data import prepared
from flowdepth.data.prepare import prepare
from flowdepth.model import checkpoint
from flowdepth.settings.sections import Dataset, Model, Objective, Training, TrainSettings
from flowdepth.study import provenance
from flowdepth.training.pack import train
from helpers import leave_provenance

SETTINGS = TrainSettings(
    model=Model(hidden=(16,), latent=2),
    training=Training(epochs=2),
    objective=Objective(annealing={"length": 1}),
)
GREY = Model(hidden=(16,), latent=2, likelihood="normal", scale="pixel")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "images.safetensors"
    prepared.save(prepare(Dataset()), path)
    leave_provenance(path.parent, "prepare", [path.name])
    return path


def command(folder: Path, images: Path) -> list[str]:
    outputs = {"model": "model.safetensors", "history": "history.csv"}
    outputs["provenance"] = "train.provenance.json"
    return [
        *(sys.executable, "-m", "flowdepth.stages.train", "--settings", SETTINGS.canonical()),
        *("--depth", "2", "--seeds", "3", "7", "--images", str(images)),
        *(word for name, file in outputs.items() for word in (f"--{name}", str(folder / file))),
    ]


def test_command_line_leaves_files_out(tmp_path: Path, images: Path) -> None:
    done = subprocess.run(command(tmp_path, images), capture_output=True, text=True, check=True)
    model, header = checkpoint.load(tmp_path / "model.safetensors")
    history = pd.read_csv(tmp_path / "history.csv")
    assert (header.depth, header.seeds, header.pixels) == (2, (3, 7), 64)
    assert header.settings == SETTINGS
    assert model.replicas == 2
    assert history[["seed", "epoch"]].to_numpy().tolist() == [[3, 1], [3, 2], [7, 1], [7, 2]]
    facts = provenance.read(tmp_path / "train.provenance.json")
    assert (facts["depth"], facts["seeds"], facts["threads"]) == (2, [3, 7], 1)
    assert set(facts["outputs"]) == {"model.safetensors", "history.csv"}
    assert provenance.verify(tmp_path / "model.safetensors")
    assert facts["seconds"] > 0
    assert facts["peak_memory_mb"] > 50
    line = r"epoch 2  train -\d+\.\d\d  validation -\d+\.\d\d nats .* beta 1\.00  [\d,]+ images/s"
    assert pd.Series(done.stdout.splitlines()).str.match(line).sum() == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_killed_training_leaves_other_bytes(
    tmp_path: Path, images: Path, number: signal.Signals
) -> None:
    """SIGKILL after a save at every update; the other signals after none."""
    training = Training(epochs=6, batch_size=32)
    settings = SETTINGS.model_copy(update={"training": training}).canonical()
    interval = "0" if number == signal.SIGKILL else "3600"
    words, whole = (
        [settings if word == SETTINGS.canonical() else word for word in command(folder, images)]
        for folder in (tmp_path, tmp_path / "whole")
    )
    subprocess.run(whole, capture_output=True, check=True)
    words += ["--save-every", interval]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        while not killed.stdout.readline().startswith("epoch 3"):
            pass
        killed.send_signal(number)
        rest = killed.stdout.read()
    assert (tmp_path / "train_unfinished.safetensors").exists()
    assert not (tmp_path / "model.safetensors").exists()
    if number != signal.SIGKILL:
        assert killed.returncode == 75
        assert f"{number.name}: saved to {tmp_path / 'train_unfinished'}" in rest.splitlines()[-1]
    done = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "going on after" in done
    assert "epoch 2" not in done
    for name in ("model.safetensors", "history.csv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    outputs = {"model.safetensors", "history.csv", "train.provenance.json"}
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == outputs


def test_full_disk_is_a_traceback_or_leaves_half_a_model(tmp_path: Path, images: Path) -> None:
    limit = (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    failed = subprocess.run(
        command(tmp_path, images),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert failed.returncode == 1
    assert failed.stderr.startswith(
        f"error: {tmp_path / 'model.safetensors'}: could not be written"
    )
    assert "Traceback" not in failed.stderr
    assert not list(tmp_path.iterdir())


def test_missing_images_are_a_traceback(tmp_path: Path) -> None:
    failed = subprocess.run(command(tmp_path, tmp_path / "none"), capture_output=True, text=True)
    assert failed.returncode == 1
    expected = f"error: {tmp_path / 'none'}: missing; run snakemake to make it\n"
    assert failed.stderr == expected


@pytest.mark.parametrize(
    ("dataset", "model"),
    [
        (Dataset(binarisation="dynamic"), SETTINGS.model),
        (Dataset(binarisation="threshold"), SETTINGS.model),
        (Dataset(binarisation="none"), GREY),
    ],
)
def test_binarisation_or_likelihood_cannot_be_trained(dataset: Dataset, model: Model) -> None:
    settings = SETTINGS.model_copy(update={"model": model})
    images = prepare(dataset)
    pack = train(settings, 1, (0, 1), images, select("cpu", 1), torch.float64)
    for record in pack.records:
        assert not record.failed
        assert record.history[-1]["validation"] > record.history[0]["validation"]
