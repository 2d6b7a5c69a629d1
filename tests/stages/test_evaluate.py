from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.columns import PACK_CONVERGENCE, PACK_METRICS
from flowdepth.analysis.readers import read_examples
from flowdepth.settings.study import Study, read_study
from flowdepth.study import layout, provenance
from trained import leave_images, leave_models, pack_command, pack_of


def study(precision: str = "float32") -> Study:
    return read_study(
        {
            **{"name": "t", "depths": [2], "seeds": [3, 7], "model": {"hidden": [16], "latent": 2}},
            "evaluate": {"samples": 20, "precision": precision},
        }
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    leave_images(folder)
    leave_models(folder, study())
    return folder


def evaluated(trained: Path, folder: Path, precision: str = "float32") -> dict[str, Path]:
    """The files that the command writes, by name."""
    shutil.copytree(trained, folder)
    words = pack_command("evaluate", folder, study(precision))
    subprocess.run(words, check=True, capture_output=True)
    return layout.outputs("evaluate", pack_of(folder, study()))


def test_the_same_pack_gives_the_same_bytes_and_another_precision_others(
    trained: Path, tmp_path: Path
) -> None:
    first, again = (evaluated(trained, tmp_path / name) for name in ("a", "b"))
    for name, path in first.items():
        assert path.read_bytes() == again[name].read_bytes()
    halved = evaluated(trained, tmp_path / "c", "bf16")
    assert halved["metrics"].read_bytes() != first["metrics"].read_bytes()


def test_the_files_of_a_pack_agree_with_each_other(trained: Path, tmp_path: Path) -> None:
    files = evaluated(trained, tmp_path / "study")
    frame, images = pd.read_csv(files["metrics"]), pd.read_parquet(files["per_image"])
    assert set(PACK_METRICS) <= set(frame)
    assert images.groupby("seed").size().to_dict() == {3: 359, 7: 359}
    np.testing.assert_allclose(-images.groupby("seed")["log_p"].mean(), frame["nll"])
    sizes = pd.read_csv(files["convergence"])
    assert list(sizes) == list(PACK_CONVERGENCE)
    assert sizes["samples"].tolist() == [1, 2, 5, 10, 20] * 2
    np.testing.assert_allclose(sizes.loc[sizes["samples"] == 20, "nll"], frame["nll"])
    assert frame["k_hat_share"].isna().all()  # too few samples
    pack = files["metrics"].parent
    provenance.verify_outputs(pack / "evaluate.provenance.json")
    assert {*provenance.read(pack / "evaluate.provenance.json")["outputs"]} == {
        path.name for path in files.values()
    }
    assert read_examples(pack, 10).samples.shape == (2, 10, 8, 8)
