from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from flowdepth.data import prepared
from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.estimation.posteriors import compare
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.report import style
from flowdepth.settings.sections import Dataset, Flow, Model, TrainSettings
from flowdepth.settings.study import Study
from flowdepth.stages import posteriors
from helpers import leave_provenance

MODEL = Model(hidden=(8,), activation="tanh", latent=2)
NAMES = ("posteriors", "latent_space", "manifold")


@pytest.fixture(scope="module")
def images() -> prepared.Images:
    return prepare(Dataset())


def models(*depths: int, failed: tuple[int, ...] = ()) -> posteriors.Models:
    vaes = {k: build(MODEL, Flow(), k, 64, (0,), dtype=torch.float64) for k in depths}
    return vaes | dict.fromkeys(failed)


def overhang(figure: Figure) -> float:
    """Return by how many inches what is drawn reaches beyond the figure; negative is inside."""
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)


def texts(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.texts] for axes in figure.axes]


CASES = {
    "two depths": models(0, 2),
    "one depth": models(4),
    "a failed depth": models(0, 2, failed=(8,)),
    "nothing but failures": models(failed=(0, 2)),
    "seven depths": models(0, 1, 2, 3, 4, 5, 6),
}


@pytest.mark.parametrize("case", CASES)
def test_label_leaves_its_figure(
    case: str, images: prepared.Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posteriors, "IMAGES", 2)
    with style.visual_language():
        for draw in (posteriors.posterior_panels, posteriors.latent_space, posteriors.manifold):
            assert overhang(draw(CASES[case], images)) < 0.01


def test_written_divergence_belongs_to_another_panel(images: prepared.Images) -> None:
    shown = models(0, 2)
    figure = posteriors.posterior_panels(shown, images)
    x = observed(images, "test", torch.float64)[: posteriors.IMAGES]
    expected = [compare(model, x).divergence for model in shown.values()]
    written = [words[0] for words in texts(figure) if words]
    assert written == [f"KL {kl[n]:.2f} nats" for n in range(posteriors.IMAGES) for kl in expected]


def test_contours_hold_other_shares_of_the_mass() -> None:
    axis = np.linspace(-5, 5, 401)
    density = np.exp(-0.5 * (axis[:, None] ** 2 + axis**2)) / (2 * np.pi)
    cell = (axis[1] - axis[0]) ** 2
    levels = posteriors._levels(density, cell)
    # In the plane the mass where the density is below the share s of its peak is s.
    expected = [(1 - mass) / (2 * np.pi) for mass in reversed(posteriors.MASSES)]
    np.testing.assert_allclose(levels, expected, rtol=0.02)
    assert len(posteriors._levels(0.3 * density, cell)) == len(posteriors.MASSES)


def test_image_is_turned_or_manifold_runs_backwards(images: prepared.Images) -> None:
    """Pixel 0, top left, brightens with z_1 and the last one, bottom right, with z_2."""
    vae = build(Model(hidden=(), latent=2), Flow(), 0, 64, (0,), dtype=torch.float64)
    with torch.no_grad():
        vae.output.weight.zero_()
        vae.output.weight[0, 0, 0] = vae.output.weight[0, 1, -1] = 1
    mosaic = posteriors._mosaic(vae, images)
    first, last = mosaic[::9, ::9], mosaic[7::9, 7::9]
    assert first.shape == last.shape == (posteriors.SIDE, posteriors.SIDE)
    assert (np.diff(first, axis=1) > 0).all()
    assert (np.diff(last, axis=0) < 0).all()
    assert np.isnan(mosaic[8]).all()


def test_classes_are_mixed_up_or_needed(images: prepared.Images) -> None:
    figure = posteriors.latent_space(models(0), images)
    axes = figure.axes[0]
    for label, dots in enumerate(axes.collections):
        assert len(dots.get_offsets()) == (images.test_labels == label).sum()
    assert [text.get_text() for text in axes.texts] == [str(label) for label in range(10)]
    plain = posteriors.latent_space(models(0), dataclasses.replace(images, test_labels=None))
    assert len(plain.axes[0].collections[0].get_offsets()) == len(images.test)
    assert not plain.axes[0].texts


def test_first_or_last_depth_is_left_out(images: prepared.Images) -> None:
    figure = posteriors.latent_space(models(0, 1, 2, 4, 8, 16), images)
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == posteriors.SPACES
    assert titles[0] == "K = 0"
    assert titles[-1] == "K = 16"


def command(folder: Path, images: prepared.Images, latent: int = 2) -> list[str]:
    study = Study(name="t", depths=(0, 2), seeds=(0,), model=MODEL.model_copy(update={"latent": 2}))
    study = study.model_copy(update={"model": MODEL.model_copy(update={"latent": latent})})
    prepared.save(images, folder / "images.safetensors")
    for depth in study.depths:
        outcomes = [{"seed": 0, "status": "done"}]
        header = checkpoint.Header(TrainSettings(model=MODEL), depth, 64, outcomes)
        path = folder / f"K{depth}" / "seeds0" / "model.safetensors"
        checkpoint.save(path, build(MODEL, Flow(), depth, 64, (0,)), header)
        leave_provenance(path.parent, "train", [path.name], depth=depth)
    leave_provenance(folder, "prepare", ["images.safetensors"])
    return [
        *(sys.executable, "-m", "flowdepth.stages.posteriors"),
        *("--settings", study.canonical(), "--images", str(folder / "images.safetensors")),
        *("--packs", *(str(folder / f"K{depth}" / "seeds0") for depth in study.depths)),
        *("--provenance", str(folder / "posteriors.provenance.json")),
    ]


def test_command_leaves_files_out_or_gives_other_bytes(
    tmp_path: Path, images: prepared.Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command(tmp_path, images)
    subprocess.run([*words, "--output", str(tmp_path / "a")], check=True, capture_output=True)
    monkeypatch.setattr(sys, "argv", [*words[2:], "--output", str(tmp_path / "b")])
    posteriors.main()
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("a", "b")
    )
    assert first == second
    assert set(first) == {f"{name}.{kind}" for name in NAMES for kind in style.FORMATS}


def test_other_latent_dimension_is_a_traceback(tmp_path: Path, images: prepared.Images) -> None:
    words = [*command(tmp_path, images, latent=3), "--output", str(tmp_path)]
    refused = subprocess.run(words, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: model.latent is 3")
