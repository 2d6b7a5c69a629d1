from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from flowdepth.base.errors import UserError
from flowdepth.data.readers import amat
from helpers import refusal


def test_each_line_of_a_text_is_an_image() -> None:
    pixels = amat.parse(b"0 1 0\n1 1 0\n", 2, 3, Path("x"))
    assert pixels.tolist() == [[0, 1, 0], [1, 1, 0]]
    assert pixels.dtype == torch.uint8


@pytest.mark.parametrize(
    "content",
    [b"0 1 0\n", b"0 1\n1 1 0 0\n", b"0 1 2\n1 1 0\n", b"0 / 0\n1 1 0\n", b"0 1 0 1 1 0\n", b""],
    ids=["row missing", "ragged", "value 2", "no digit", "one line", "empty"],
)
def test_a_text_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(UserError, match=r"x: found .* expected 2 lines of 3 values 0 or 1"):
        amat.parse(content, 2, 3, Path("x"))


def test_a_torn_archive_is_named(tmp_path: Path) -> None:
    for name in amat.SUMS:
        (tmp_path / f"{name}.gz").write_bytes(b"\x1f\x8b torn")
    message = refusal(name="binarized_mnist", root=str(tmp_path))
    assert "binarized_mnist_train.amat.gz: damaged" in message


def test_another_text_of_the_right_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binarized_mnist_test.amat"
    path.write_bytes(b"0 1 0\n1 1 0\n")
    with pytest.raises(UserError, match=f"{path}: found MD5 sum .*, expected 14e41ae1"):
        amat.read_file(path, 2, 3)


def test_a_text_of_the_published_md5_sum_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others of one MD5 sum can be made at will."""
    path = tmp_path / "binarized_mnist_test.amat"
    path.write_bytes(b"0 1 0\n1 1 0\n")
    found = hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324
    monkeypatch.setitem(amat.SUMS[path.name], "md5", found)
    with pytest.raises(UserError, match=f"{path}: found SHA-256 sum .*, expected e6687bfe"):
        amat.read_file(path, 2, 3)
