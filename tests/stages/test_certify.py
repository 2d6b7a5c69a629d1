from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.columns import CERTIFIED
from flowdepth.settings.study import Study, read_study
from flowdepth.stages import certify, evaluate
from flowdepth.study import provenance
from trained import SEEDS, leave_images, leave_models, pack_command, pack_of


def study(**settings: object) -> Study:
    chosen = {"images": 5, "simulated": 3, "distributions": 20, "chains": 4, **settings}
    return read_study(
        {
            **{"name": "t", "depths": [2], "seeds": SEEDS, "model": {"hidden": [16], "latent": 2}},
            **{"evaluate": {"samples": 50}, "certify": chosen},
        }
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    leave_images(folder)
    return folder


@pytest.fixture
def folder(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a study with an evaluated pack."""
    shutil.copytree(images, tmp_path / "study")
    leave(tmp_path / "study", monkeypatch)
    return tmp_path / "study"


def leave(folder: Path, monkeypatch: pytest.MonkeyPatch, failed: tuple[int, ...] = ()) -> None:
    leave_models(folder, study(), failed=failed)
    monkeypatch.setattr(sys, "argv", pack_command("evaluate", folder, study())[2:])
    evaluate.main()


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> pd.DataFrame:
    monkeypatch.setattr(sys, "argv", pack_command("certify", folder, study(**settings))[2:])
    certify.main()
    return pd.read_parquet(pack_of(folder, study()) / "certify.parquet")


def test_estimates_stand_beside_those_of_the_evaluation(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = run(folder, monkeypatch)
    assert tuple(frame) == CERTIFIED
    keys = ["seed", "image"]
    test = frame[frame["kind"] == "test"].set_index(keys)
    known = pd.read_parquet(pack_of(folder, study()) / "images.parquet").set_index(keys)
    assert test["importance"].to_numpy() == pytest.approx(known["log_p"][test.index].to_numpy())
    assert test.groupby("seed").size().tolist() == [5] * len(SEEDS)
    assert test["upper"].isna().all()
    np.testing.assert_allclose(frame["annealed"] - frame["importance"], frame["bias"])
    drawn = frame[frame["kind"] == "simulated"]
    assert drawn.groupby("seed")["image"].agg(list).tolist() == [[0, 1, 2]] * len(SEEDS)
    assert ((drawn["upper"] - drawn["annealed"]).abs() < 0.5).all()
    provenance.verify_outputs(pack_of(folder, study()) / "certify.provenance.json")


def test_no_images_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", pack_command("certify", folder, study(images=0))[2:])
    with pytest.raises(SystemExit) as refused:
        certify.run(certify.main)
    assert "certify.images is 0" in str(refused.value)


def test_a_failed_seed_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(folder, monkeypatch, (SEEDS[0],))
    frame = run(folder, monkeypatch)
    assert {*frame["seed"]} == {*SEEDS[1:]}
    assert "importance sampling is low by" in capsys.readouterr().out
    leave(folder, monkeypatch, SEEDS)
    assert run(folder, monkeypatch).empty
    assert "nothing to certify" in capsys.readouterr().out


def test_no_simulated_image_leaves_the_bounds_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = run(folder, monkeypatch, simulated=0)
    assert {*frame["kind"]} == {"test"}
