"""Tables as files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from flowdepth.base.files import write_bytes


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index as CSV or Parquet, by the suffix of ``path``."""
    if path.suffix == ".parquet":
        write_bytes(path, frame.to_parquet(index=False))
    else:
        write_bytes(path, frame.to_csv(index=False).encode())
