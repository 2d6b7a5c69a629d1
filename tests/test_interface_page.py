"""The page docs/interface.md, its examples run from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from checkout import ROOT

PAGE = (ROOT / "docs" / "interface.md").read_text()
EXAMPLES = re.findall(r"```(python|bash)\n(.*?)```", PAGE, re.DOTALL)


def test_examples_run_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(ROOT / "results")
    plt.switch_backend("agg")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names: dict[str, object] = {}
    for language, text in EXAMPLES:
        if language == "bash":
            words = ["bash", "-euc", text]
            subprocess.run(words, check=True, env={**os.environ, "PATH": path})
        else:
            exec(text, names)  # noqa: S102
    assert len((tmp_path / "estimates.csv").read_text().splitlines()) == 1 + 359
    assert (tmp_path / "samples.png").stat().st_size > 1000
    assert names["u"].grad.abs().sum() > 0
    assert len(plt.get_fignums()) == 3
    plt.close("all")
