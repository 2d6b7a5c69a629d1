from __future__ import annotations

import builtins
import io
import types
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flowdepth.data import downloads
from flowdepth.settings.datasets import KNOWN
from helpers import refusal, write_idx

ARCHIVES = {Path(packed).name for packed, _ in KNOWN["fashion_mnist"].files}


def offline(*_: object, **__: object) -> None:
    raise urllib.error.URLError("no network")


def test_a_download_reads_nothing_that_lies_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision would unpickle the files of its former format there."""
    processed = tmp_path / "FashionMNIST" / "processed"
    processed.mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"never to be read")

    def fetch(self: object) -> None:
        write_idx(Path(self.raw_folder))
        for name in ARCHIVES:
            Path(self.raw_folder, name).write_bytes(b"a download")

    monkeypatch.setattr(downloads.torchvision_datasets().FashionMNIST, "download", fetch)
    message = refusal(name="fashion_mnist", root=str(tmp_path))
    assert "train-images-idx3-ubyte.gz: found MD5 sum" in message
    kept = {path.name for path in (tmp_path / "FashionMNIST" / "raw").iterdir()}
    assert kept == ARCHIVES


def test_a_failed_download_of_mnist_names_the_files_and_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = types.SimpleNamespace(MNIST=offline)
    monkeypatch.setattr(downloads, "torchvision_datasets", lambda: fake)
    message = refusal(name="mnist", root=str(tmp_path))
    assert "found no train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, " in message
    assert "no network" in message
    assert f"put them into {tmp_path}/MNIST/raw" in message


def test_a_failed_download_of_binarized_mnist_names_the_files_and_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    message = refusal(name="binarized_mnist", root=str(tmp_path))
    assert "found no binarized_mnist_train.amat, binarized_mnist_valid.amat, " in message
    assert "no network" in message
    assert f"put them into {tmp_path}" in message


def test_a_wrong_download_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(b"<html>moved"))
    message = refusal(name="binarized_mnist", root=str(tmp_path))
    assert "found MD5 sum" in message
    assert "expected db28b1a6ae0fe70cbd3da91acf46e477" in message
    assert list(tmp_path.iterdir()) == []


def test_another_failure_of_torchvision_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("torchvision"):
            raise RuntimeError("something else")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(RuntimeError, match="something else"):
        downloads.torchvision_datasets.__wrapped__()
