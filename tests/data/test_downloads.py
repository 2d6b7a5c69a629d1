from __future__ import annotations

import io
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import pytest

from flowdepth.data.readers import amat, emnist, idx, usps
from helpers import refusal

PUBLISHED = ["mnist", "fashion_mnist", "kmnist", "qmnist", "emnist_letters", "usps"]
PUBLISHED += ["binarized_mnist"]


class Answer(io.BytesIO):
    """What a server says to every request, from the last address that it sends one to."""

    def __init__(self, content: bytes, url: str) -> None:
        super().__init__(content)
        self.url = url

    def __enter__(self) -> Self:
        return self


def answer(monkeypatch: pytest.MonkeyPatch, scheme: str = "https") -> list[str]:
    """Have every download answered by a page; return the addresses asked for."""
    asked: list[str] = []

    def urlopen(address: str, **_: object) -> Answer:
        asked.append(address)
        return Answer(b"<html>moved", f"{scheme}://elsewhere")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def test_published_files_are_asked_for_by_https_alone() -> None:
    addresses = [*idx.ADDRESSES.values(), amat.ADDRESS, emnist.ADDRESS, usps.ADDRESS]
    assert len(addresses) == len(PUBLISHED)
    assert all(a.startswith("https://") and a.endswith("/") for a in addresses)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_failed_download_names_the_files_and_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    message = refusal(name=name, root=str(tmp_path))
    files, folder = {
        "mnist": ("train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz", "MNIST/raw"),
        "fashion_mnist": ("train-images-idx3-ubyte.gz, train-l", "FashionMNIST/raw"),
        "kmnist": ("train-images-idx3-ubyte.gz, train-l", "KMNIST/raw"),
        "qmnist": ("qmnist-train-images-idx3-ubyte.gz, qmnist-train-l", "QMNIST/raw"),
        "emnist_letters": ("gzip.zip for emnist_letters", "EMNIST/raw"),
        "usps": ("usps.bz2, usps.t.bz2", "USPS"),
        "binarized_mnist": ("binarized_mnist_train.amat, binarized_mnist_valid.amat", ""),
    }[name]
    assert f"found no {files}" in message
    assert "no network" in message
    assert f"put them into {tmp_path / folder}" in message


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_wrong_download_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked = answer(monkeypatch)
    message = refusal(name=name, root=str(tmp_path))
    assert "found MD5 sum" in message
    expected = {
        "mnist": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "fashion_mnist": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "kmnist": "bdb82020997e1d708af4cf47b453dcf7",
        "qmnist": "ed72d4157d28c017586c42bc6afe6370",
        "emnist_letters": "58c8d27c78d21e728a6bc7b3cc06412e",
        "usps": "ec16c51db3855ca6c91edd34d0e9b197",
        "binarized_mnist": "db28b1a6ae0fe70cbd3da91acf46e477",
    }
    assert f"expected {expected[name]}" in message
    assert len(asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_is_led_away_from_https_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "http")
    message = refusal(name="mnist", root=str(tmp_path))
    assert "the download failed (http://elsewhere is not https)" in message
    assert list(tmp_path.iterdir()) == []
