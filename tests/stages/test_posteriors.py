from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flowdepth.report import registry, style
from flowdepth.settings.study import Study, read_study
from flowdepth.stages import posteriors
from flowdepth.study import provenance
from trained import leave_images, leave_models, study_command


def study(latent: int = 2) -> Study:
    model = {"hidden": [8], "activation": "tanh", "latent": latent}
    return read_study({"name": "t", "depths": [0, 2], "seeds": [0], "model": model})


def test_the_same_models_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_images(tmp_path)
    leave_models(tmp_path, study())
    words = study_command("posteriors", tmp_path, study())
    subprocess.run(words, check=True, capture_output=True)
    folder = tmp_path / "figures"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(sys, "argv", words[2:])
    posteriors.main()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    names = [figure.name for figure in registry.figures(study(), "posteriors")]
    assert {*first} == {f"{name}.{kind}" for name in names for kind in style.FORMATS}
    record = provenance.read(tmp_path / "posteriors.provenance.json")
    assert {*record["outputs"]} == {f"figures/{name}" for name in first}


def test_another_latent_dimension_is_refused(tmp_path: Path) -> None:
    words = study_command("posteriors", tmp_path, study(latent=3))
    refused = subprocess.run(words, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: model.latent is 3")
