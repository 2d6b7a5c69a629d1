from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.report import registry, style
from flowdepth.settings.study import Study
from flowdepth.stages import figures
from flowdepth.study import provenance
from tabled import summarise
from trained import study_command

Fabricate = Callable[..., tuple[Study, list[Path]]]


RC = """axes.facecolor: red
font.size: 30
image.lut: 3
image.origin: lower
savefig.facecolor: blue
text.usetex: True
"""


def test_the_same_data_gives_the_same_bytes(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate(depths=(0, 4))
    summarise(study, packs, tmp_path)
    words = study_command("figures", tmp_path, study)
    monkeypatch.setattr(sys, "argv", words[2:])
    figures.main()
    folder = tmp_path / "figures"
    here = {path.name: path.read_bytes() for path in folder.iterdir()}
    names = [figure.name for figure in registry.figures(study, "figures")]
    assert {*here} == {f"{name}.{kind}" for name in names for kind in style.FORMATS}
    record = provenance.read(tmp_path / "figures.provenance.json")
    assert {*record["outputs"]} == {f"figures/{name}" for name in here}
    # Another process has other hash seeds and another clock, and its folder a style of its own.
    (tmp_path / "matplotlibrc").write_text(RC)
    subprocess.run(words, check=True, capture_output=True, cwd=tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == here
