from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.columns import EXACT_IMAGES, PACK_EXACT
from flowdepth.analysis.exact import read_exact
from flowdepth.data.prepare import prepare
from flowdepth.settings.sections import Dataset
from flowdepth.settings.study import read_study
from flowdepth.study import layout, provenance
from trained import leave_images, leave_models, pack_command, pack_of

STUDY = read_study(
    {
        **{"name": "t", "depths": [1], "seeds": [3, 7]},
        "model": {"hidden": [16], "latent": 2, "activation": "tanh"},
        "evaluate": {"samples": 300},
    }
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    leave_images(folder, prepare(Dataset(test=0.03)))
    leave_models(folder, STUDY)
    return folder


def run(stage: str, folder: Path) -> str:
    words = pack_command(stage, folder, STUDY)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_the_same_pack_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        shutil.copytree(trained, tmp_path / name)
        run("exact", tmp_path / name)
        written.append(layout.outputs("exact", pack_of(tmp_path / name, STUDY)))
    for name, path in written[0].items():
        assert path.read_bytes() == written[1][name].read_bytes()


def test_quadrature_agrees_with_the_estimates(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    printed = run("exact", tmp_path)
    pack = pack_of(tmp_path, STUDY)
    frame, by_image = pd.read_csv(pack / "exact.csv"), pd.read_parquet(pack / "exact.parquet")
    assert tuple(frame) == PACK_EXACT
    assert all(name in printed for name in PACK_EXACT)
    assert frame["seed"].tolist() == [*STUDY.seeds]
    assert (frame["exact_error"] < 1e-6).all()
    assert tuple(by_image) == EXACT_IMAGES
    means = -by_image.groupby("seed")["exact_log_p"].mean()
    np.testing.assert_allclose(means, frame["exact_nll"])
    provenance.verify_outputs(pack / "exact.provenance.json")
    run("evaluate", tmp_path)
    assert (read_exact(STUDY, [pack])["difference"].abs() < 0.5).all()
