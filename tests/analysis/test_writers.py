from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_frame

FRAME = pd.DataFrame({"seed": [3, 7], "nll": [1 / 3, float("nan")], "message": ["done", "failed"]})


def test_table_comes_back_unchanged(tmp_path: Path) -> None:
    for name, read in (("a.csv", pd.read_csv), ("a.parquet", pd.read_parquet)):
        write_frame(FRAME, tmp_path / name)
        pd.testing.assert_frame_equal(read(tmp_path / name), FRAME)


def test_table_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(UserError, match=f"{name}: could not be written"):
            write_frame(FRAME, tmp_path / "file" / name)
