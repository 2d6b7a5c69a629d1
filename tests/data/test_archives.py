from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.data.archives import check_md5, unpacked


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
    with pytest.raises(UserError, match=rf"{path}: damaged \(.*\); delete it and fetch it again"):
        unpacked(path, most=10_000)


def test_another_md5_sum_is_refused() -> None:
    check_md5(Path("x"), io.BytesIO(b""), "d41d8cd98f00b204e9800998ecf8427e")
    with pytest.raises(UserError, match=r"x: found MD5 sum d41d8cd9.*, expected 0; .*: fetch it"):
        check_md5(Path("x"), io.BytesIO(b""), "0")
