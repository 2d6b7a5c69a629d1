"""The command ``flowdepth``, in this process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

import flowdepth
from flowdepth import cli
from flowdepth.base.files import alone
from flowdepth.data import prepared
from flowdepth.stages.command import INTERRUPTED
from flowdepth.study import provenance

SMALL = [
    *("--set", "model.hidden=[8]", "--set", "model.latent=2", "--set", "training.batch_size=16"),
    *("--set", "training.epochs=2"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "images.npz"
    noise = np.random.default_rng(0)
    np.savez(path, images=noise.integers(0, 256, (60, 3, 4), dtype=np.uint8))
    return path


@pytest.fixture(scope="module")
def fitted(images: Path) -> Path:
    folder = images.parent / "fitted"
    words = ["fit", str(images), "--depth", "2", "--seed", "5", "--output", str(folder)]
    cli.main([*words, *SMALL, "--set", "flow.kind=radial"])
    return folder / "model.safetensors"


def refusal(*words: object) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(word) for word in words])
    return str(caught.value)


def test_command_is_installed() -> None:
    (entry,) = entry_points(group="console_scripts", name="flowdepth")
    assert entry.load() is cli.main


def test_fitted_model_is_what_was_asked_for(fitted: Path) -> None:
    header = flowdepth.load(fitted).header
    assert (header.depth, header.seeds, header.pixels) == (2, (5,), 12)
    assert header.settings.flow.kind == "radial"
    assert (header.settings.model.hidden, header.settings.training.epochs) == ((8,), 2)
    assert provenance.verify(fitted)


def test_stopped_fit_goes_on_where_it_stopped(images: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "flowdepth.cli", "fit", str(images), "--depth", "1"]
    words += ["--output", str(tmp_path), *SMALL, "--set", "training.epochs=2000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as stopped:
        assert stopped.stdout is not None
        while not stopped.stdout.readline().startswith("epoch 3 "):
            pass
        stopped.terminate()
    assert stopped.returncode == INTERRUPTED
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as again:
        assert again.stdout is not None
        lines = iter(again.stdout.readline, "")
        assert any("going on after" in line for line in lines)
        assert not next(line for line in lines if line.startswith("epoch")).startswith("epoch 1 ")
        again.terminate()


def test_a_second_fit_into_a_folder_stops_before_it_trains(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    words = ["fit", str(images), "--depth", "1", "--output", str(folder), *SMALL]
    with alone(folder):
        assert f"{folder}: another process writes its results there" in refusal(*words)
        assert not list(folder.iterdir())
    cli.main(words)


def test_a_fit_that_diverges_fails_and_may_be_repeated(images: Path, tmp_path: Path) -> None:
    words = ["fit", str(images), "--depth", "1", "--output", str(tmp_path), *SMALL]
    said = refusal(*words, "--set", "training.learning_rate=1e30")
    assert said.startswith("error: training failed: non-finite loss in epoch 1")
    assert "lower training.learning_rate" in said
    assert not (tmp_path / "model.safetensors").exists()
    cli.main(words)
    assert provenance.verify(tmp_path / "model.safetensors")


def rows(*words: object) -> pd.DataFrame:
    """Return the table that `evaluate` writes."""
    table = Path(str(words[0])).with_name("scores.csv")
    table.unlink(missing_ok=True)
    cli.main(["evaluate", *map(str, words), "--samples", "9", "--output", str(table)])
    return pd.read_csv(table, keep_default_na=False, dtype={"image": str})


@pytest.fixture
def other_split(images: Path, tmp_path: Path) -> Path:
    """A model whose split of the same images is not the default's."""
    words = ["fit", str(images), "--depth", "1", "--output", str(tmp_path / "other"), *SMALL]
    cli.main([*words, "--set", "dataset.seed=7", "--set", "dataset.test=0.3"])
    return tmp_path / "other" / "model.safetensors"


def test_without_images_those_of_the_models_own_test_split_are_scored(other_split: Path) -> None:
    own = prepared.load(other_split.parent / "data" / "images.safetensors")
    found = flowdepth.load(other_split).log_likelihood(own.test, samples=9)
    scored = rows(other_split)
    np.testing.assert_allclose(scored["log_p"], found.log_p.numpy(), rtol=1e-15)
    assert set(scored["split"]) == {"test"}
    assert len(rows(other_split, "--split", "validation")) == len(own.validation)


def test_images_that_trained_the_model_are_told_from_its_test_images(
    other_split: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = prepared.load(other_split.parent / "data" / "images.safetensors")
    scored = rows(other_split, images)
    assert scored["image"].tolist() == [str(row) for row in range(60)]
    for split, index in own.index.items():
        assert np.flatnonzero(scored["split"] == split).tolist() == index.tolist()
    said = capsys.readouterr().out
    assert "18 test images of its study:" in said
    assert "36 images that it was trained on, which are no test of it:" in said


def test_every_image_given_is_scored_in_its_order(fitted: Path, images: Path) -> None:
    with np.load(images) as file:  # noqa: TID251
        pixels = file["images"]
    new = fitted.parent.parent / "pictures"
    new.mkdir()
    for number in (3, 1, 2):
        matplotlib.image.imsave(new / f"{number}.png", 255 - pixels[number], cmap="gray")
    scored = rows(fitted, new)
    assert scored["image"].tolist() == ["1.png", "2.png", "3.png"]
    assert set(scored["split"]) == {""}
    np.savez(fitted.parent.parent / "one.npz", images=255 - pixels[:1])
    assert len(rows(fitted, fitted.parent.parent / "one.npz")) == 1


def test_an_image_with_the_pixels_of_a_training_image_is_one(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (60, 3, 4), dtype=np.uint8)
    np.savez(tmp_path / "masks.npz", images=masks)
    folder = tmp_path / "fitted"
    cli.main(["fit", str(tmp_path / "masks.npz"), "--depth", "0", "--output", str(folder), *SMALL])
    trained = prepared.load(folder / "data" / "images.safetensors").train.view(-1, 3, 4).numpy()
    np.savez(tmp_path / "new.npz", images=np.stack([trained[5], 1 - trained[5]]))
    scored = rows(folder / "model.safetensors", tmp_path / "new.npz")
    assert scored["split"].tolist() == ["train", ""]


def test_binary_images_have_no_density_under_a_normal_likelihood(
    images: Path, tmp_path: Path
) -> None:
    normal = ["--set", "model.likelihood=normal", "--set", "dataset.binarisation=none"]
    folder = tmp_path / "fitted"
    cli.main(["fit", str(images), "--depth", "0", "--output", str(folder), *SMALL, *normal])
    np.savez(tmp_path / "masks.npz", images=np.indices((9, 3, 4))[2].astype(np.uint8) % 2)
    said = refusal("evaluate", folder / "model.safetensors", tmp_path / "masks.npz")
    assert "found no value above 1, so that the pixels are binary" in said
    assert len(rows(folder / "model.safetensors", images)) == 60


def test_a_model_alone_scores_what_it_is_given_and_says_what_it_does_not_know(
    fitted: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copy(fitted, tmp_path / "model.safetensors")
    assert len(rows(model, images)) == 60
    said = capsys.readouterr().out
    assert f"which images trained {model} is not known" in said
    assert "60 images that its study does not know" in said
    assert "found no prepared images of its study beside it" in refusal("evaluate", model)


def test_names_of_images_are_taken_as_the_shell_gives_them(
    images: Path, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unlike those in a configuration, which no shell has read."""
    monkeypatch.chdir(tmp_path)
    Path("~").mkdir()
    literal = shutil.copy(images, Path("~", "$NO_SUCH.npz"))
    cli.main(["fit", str(literal), "--depth", "0", "--output", "new", *SMALL])
    cli.main(["evaluate", str(fitted), str(literal), "--samples", "2"])


def test_evaluation_agrees_with_the_interface(
    fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split, table = fitted.parent / "data" / "images.safetensors", tmp_path / "table.csv"
    cli.main(["evaluate", str(fitted), str(split), "--samples", "40", "--output", str(table)])
    found = flowdepth.load(fitted).log_likelihood(prepared.load(split).test, samples=40)
    scored = pd.read_csv(table)
    assert scored.columns.tolist() == ["image", "split", "log_p", "mcse", "ess", "k_hat"]
    np.testing.assert_allclose(scored["log_p"], found.log_p.numpy(), rtol=1e-15)
    printed = capsys.readouterr().out
    assert f"NLL {-found.log_p.mean():.3f} nats" in printed
    assert "12 test images" in printed
    assert "k_hat above 0.7" in printed


def test_annealed_evaluation_prints_no_number_of_importance_sampling(
    fitted: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["evaluate", str(fitted), str(images), "--annealed", "20"])
    printed = capsys.readouterr().out
    assert "by Monte Carlo" in printed
    assert "nan" not in printed
    assert "k_hat" not in printed


def test_samples_are_those_of_the_interface(fitted: Path, tmp_path: Path) -> None:
    expected = flowdepth.load(fitted).sample(5, seed=3).numpy()
    shape = ["--number", "5", "--noise", "3"]
    for name in ("samples.npz", "samples.png"):
        cli.main(["sample", str(fitted), *shape, "--output", str(tmp_path / name)])
    with zipfile.ZipFile(tmp_path / "samples.npz").open("images.npy") as file:
        np.testing.assert_array_equal(np.lib.format.read_array(file), expected)
    picture = matplotlib.image.imread(tmp_path / "samples.png")[..., 0]
    assert picture.shape == (6, 12)
    top, left = picture[:3, :4], picture[3:, :4]
    assert np.corrcoef(top.flat, expected[0].flat)[0, 1] > 0.99
    assert np.corrcoef(left.flat, expected[3].flat)[0, 1] > 0.99
    assert not picture[3:, 8:].any()


def test_samples_are_the_same_whatever_a_matplotlibrc_says(fitted: Path, tmp_path: Path) -> None:
    words = ["sample", str(fitted), "--number", "5", "--output"]
    cli.main([*words, str(tmp_path / "here.png")])
    (tmp_path / "matplotlibrc").write_text("image.origin: lower\nimage.lut: 3\n")
    command = [sys.executable, "-m", "flowdepth.cli", *words, "there.png"]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


def test_mistakes_are_explained_and_leave_no_files(
    fitted: Path, images: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    fit = ("fit", images, "--depth", 2, "--output")
    assert "exists already" in refusal(*fit, fitted.parent)
    assert "training.epochs: found 0" in refusal(*fit, new, "--set", "training.epochs=0")
    for setting in ("depths=[3]", "report.title=x", "training.epochs", "dataset={}"):
        assert "expected SECTION.KEY=VALUE" in refusal(*fit, new, "--set", setting)
    assert "depths.0: found -1" in refusal("fit", images, "--depth", -1, "--output", new)
    assert "training.batch_size: found 128" in refusal(*fit, new)
    assert "no file none.npz" in refusal("fit", "none.npz", "--depth", 2, "--output", new)
    assert not new.exists()
    other = tmp_path / "other.npz"
    np.savez(other, images=np.indices((20, 5, 5))[1].astype(np.uint8) % 2)
    assert "expected [N, 12]" in refusal("evaluate", fitted, other)
    assert "found no model" in refusal("evaluate", images, images)
    assert "exists already" in refusal("evaluate", fitted, images, "--output", other)
    assert "samples: found 0" in refusal("evaluate", fitted, images, "--samples", 0)
    assert "beside" in refusal("evaluate", fitted, images, "--split", "test")
    wrong = refusal("evaluate", fitted, images, "--set", "training.epochs=3")
    assert "expected of the section dataset alone" in wrong
    assert "trained seeds [5], expected 7" in refusal("evaluate", fitted, images, "--seed", 7)
    assert "ends in .npz or .png" in refusal("sample", fitted, "--output", tmp_path / "a.gif")
    assert not (tmp_path / "a.png").exists()
