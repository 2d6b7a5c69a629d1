from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.gaps import COLUMNS
from flowdepth.data import prepared
from flowdepth.settings.study import Study, read_study
from flowdepth.stages import gaps
from flowdepth.stages.pack import sub_sample
from flowdepth.study import layout, provenance
from trained import SEEDS, leave_images, leave_models, pack_command, pack_of

MODEL = {"hidden": [16], "latent": 2, "initialisation": "glorot"}


def study(**settings: object) -> Study:
    return read_study(
        {
            **{"name": "t", "depths": [2], "seeds": SEEDS, "model": MODEL},
            "gaps": {"images": 4, "steps": 6, "samples": 20, **settings},
        }
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    leave_images(folder)
    return folder


@pytest.fixture
def folder(images: Path, tmp_path: Path) -> Path:
    """Of a study with images and a pack."""
    shutil.copytree(images, tmp_path / "study")
    leave_models(tmp_path / "study", study())
    return tmp_path / "study"


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> pd.DataFrame:
    words = pack_command("gaps", folder, study(**settings))
    monkeypatch.setattr(sys, "argv", words[2:])
    gaps.main()
    return pd.read_parquet(pack_of(folder, study()) / "gaps.parquet")


def test_the_same_pack_gives_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "again")
    run(folder, monkeypatch)
    words = pack_command("gaps", tmp_path / "again", study())
    subprocess.run(words, check=True, capture_output=True)
    first, second = (pack_of(f, study()) / "gaps.parquet" for f in (folder, tmp_path / "again"))
    assert first.read_bytes() == second.read_bytes()


def test_the_images_are_those_that_are_annealed_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = run(folder, monkeypatch)
    numbers = sub_sample(prepared.load(layout.outputs("prepare", folder)["images"]), 4)
    assert tuple(frame) == COLUMNS
    assert frame[["seed", "image"]].to_numpy().tolist() == [[s, i] for s in SEEDS for i in numbers]
    provenance.verify_outputs(pack_of(folder, study()) / "gaps.provenance.json")


def test_a_failed_seed_has_no_gaps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_models(folder, study(), failed=(3,))
    assert set(run(folder, monkeypatch)["seed"]) == {7}


def test_a_pack_of_failures_has_a_table_without_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_models(folder, study(), failed=SEEDS)
    frame = run(folder, monkeypatch)
    assert frame.empty
    assert tuple(frame) == COLUMNS
    assert "every seed of the pack failed: no gaps" in capsys.readouterr().out


def test_what_the_last_round_gained_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gained = run(folder, monkeypatch, learning_rate=0.1, steps=20)["last_improvement"].mean()
    assert f"the last round of up to 20 steps gained {gained:.4f} nats" in capsys.readouterr().out


def test_gaps_of_no_images_are_refused(folder: Path) -> None:
    words = pack_command("gaps", folder, study(images=0))
    refused = subprocess.run(words, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: gaps.images is 0")
