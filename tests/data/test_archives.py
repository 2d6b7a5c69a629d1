from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.data.archives import check_sum, unpacked

SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


@pytest.mark.parametrize("name", ["zeros.gz", "zeros"])
def test_no_more_is_unpacked_than_shows_that_it_is_too_much(tmp_path: Path, name: str) -> None:
    zeros = bytes(10_000)
    (tmp_path / name).write_bytes(gzip.compress(zeros) if name.endswith(".gz") else zeros)
    assert unpacked(tmp_path / name, most=100) == bytes(101)
    assert unpacked(tmp_path / name, most=10_000) == zeros


@pytest.mark.parametrize("cut", [slice(None, -1), slice(9, None), slice(None, 40)])
def test_a_torn_archive_is_refused(tmp_path: Path, cut: slice) -> None:
    path = tmp_path / "torn.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 9)[cut])
    with pytest.raises(UserError, match=rf"{path}: damaged \(.*\); fetch it again"):
        unpacked(path, most=10_000)


@pytest.mark.parametrize(
    ("algorithm", "of_nothing", "name"),
    [("md5", "d41d8cd98f00b204e9800998ecf8427e", "MD5"), ("sha256", SHA256, "SHA-256")],
)
def test_another_sum_is_refused(algorithm: str, of_nothing: str, name: str) -> None:
    check_sum(Path("x"), io.BytesIO(b""), algorithm, of_nothing)
    refused = rf"x: found {name} sum [0-9a-f]+, expected {of_nothing}; .*: fetch it"
    with pytest.raises(UserError, match=refused):
        check_sum(Path("x"), io.BytesIO(b"0"), algorithm, of_nothing)
