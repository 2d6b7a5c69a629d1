from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from drawn import formulas, overhang
from flowdepth.base.errors import UserError
from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.data.prepared import Images
from flowdepth.estimation.posteriors import Comparison, Pair, compare
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.report import style
from flowdepth.report.figures import posteriors
from flowdepth.report.figures.posteriors import Models, PosteriorResults
from flowdepth.settings.sections import Dataset, Flow, Model
from flowdepth.settings.study import Study
from trained import leave_images, leave_models

MODEL = Model(hidden=(8,), activation="tanh", latent=2)


@pytest.fixture(scope="module")
def images() -> Images:
    return prepare(Dataset())


def models(*depths: int, failed: tuple[int, ...] = ()) -> Models:
    vaes = {k: build(MODEL, Flow(), k, 64, (0,), dtype=torch.float64) for k in depths}
    return vaes | dict.fromkeys(failed)


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
def test_no_label_leaves_its_figure(
    case: str, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posteriors, "IMAGES", 2)
    with style.visual_language():
        for draw in (posteriors.posteriors, posteriors.latent_space, posteriors.manifold):
            assert overhang(draw(CASES[case], images)) < 0.01


def test_the_formulas_of_the_legend_are_set_as_mathematics() -> None:
    with style.visual_language():
        figure, _ = posteriors._rows_of_panels(1, 2)
    assert [text.get_parse_math() for text in formulas(figure)] == [True, True]


def test_the_scale_stands_where_something_is_drawn(images: Images) -> None:
    one = posteriors.posteriors({0: None, **models(2)}, images)
    assert [len(words) for words in texts(one)[-3:]] == [0, 0, 2]
    assert not any(texts(posteriors.posteriors(models(failed=(0, 2)), images)))


def test_each_panel_gives_its_own_divergence(images: Images) -> None:
    shown = models(0, 2)
    figure = posteriors.posteriors(shown, images)
    x = observed(images, "test", torch.float64)[: posteriors.IMAGES]
    expected = [compare(model, x).divergence for model in shown.values()]
    written = [words[0] for words in texts(figure) if words]
    assert written == [f"KL {kl[n]:.2f} nats" for n in range(posteriors.IMAGES) for kl in expected]


def test_contours_hold_their_shares_of_the_mass() -> None:
    axis = np.linspace(-5, 5, 401)
    density = np.exp(-0.5 * (axis[:, None] ** 2 + axis**2)) / (2 * np.pi)
    cell = (axis[1] - axis[0]) ** 2
    levels = posteriors._levels(density, cell)
    # In the plane the mass where the density is below the share s of its peak is s.
    expected = [(1 - mass) / (2 * np.pi) for mass in reversed(posteriors.MASSES)]
    np.testing.assert_allclose([*levels], expected, rtol=0.02)
    assert [*levels.values()] == [*reversed(posteriors.MASSES)]
    assert [*posteriors._levels(0.92 * density, cell).values()] == [0.9, 0.5]


AXIS = torch.linspace(-1, 1, 21, dtype=torch.float64)
BROAD = torch.exp(-8 * (AXIS[:, None] ** 2 + AXIS**2)) * 8 / torch.pi
UNSEEN = {
    "elsewhere": torch.zeros(21, 21, dtype=torch.float64),
    "in its tail": torch.exp(-3 * AXIS.expand(21, 21)) / 1e9,
    "within a pixel": torch.eye(21, dtype=torch.float64)[10].outer(AXIS == 0) * 100,
    "constant": torch.full((21, 21), 0.25, dtype=torch.float64),
    "unknown": torch.full((21, 21), torch.nan, dtype=torch.float64),
}


@pytest.mark.parametrize("density", UNSEEN.values(), ids=UNSEEN)
def test_a_posterior_that_cannot_be_drawn_is_told_of_in_its_panel(density: Tensor) -> None:
    axes = torch.stack([AXIS, AXIS])
    told = {}
    for name, exact, encoder in (("p", density, BROAD), ("q", BROAD, density), ("", BROAD, BROAD)):
        panel = style.new_figure().add_subplot()
        posteriors._posterior(panel, Pair(axes, exact, encoder))
        panel.figure.canvas.draw()
        told[name] = [text.get_text() for text in panel.texts]
        assert len(panel.collections) == (2 if name == "" else 1)
    assert told == {"p": ["no p in view"], "q": ["no q in view"], "": []}


def test_posteriors_too_narrow_to_be_measured_have_a_window(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(model: FlowVAE, x: Tensor) -> Comparison:
        found = compare(model, x)
        return dataclasses.replace(found, deviation=torch.zeros_like(found.deviation))

    monkeypatch.setattr(posteriors, "IMAGES", 1)
    monkeypatch.setattr(posteriors.estimation, "compare", narrow)
    left, right = posteriors.posteriors(models(0), images).axes[1].get_xlim()
    assert right - left == pytest.approx(0.12)


def test_z_1_of_the_manifold_grows_to_the_right_and_z_2_upwards(images: Images) -> None:
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


def test_every_class_has_its_own_points_and_number(images: Images) -> None:
    figure = posteriors.latent_space(models(0), images)
    axes = figure.axes[0]
    for label, dots in enumerate(axes.collections):
        assert len(dots.get_offsets()) == (images.test_labels == label).sum()
    assert [text.get_text() for text in axes.texts] == [str(label) for label in range(10)]


def test_images_without_classes_are_points_of_one_colour(images: Images) -> None:
    plain = posteriors.latent_space(models(0), dataclasses.replace(images, test_labels=None))
    assert len(plain.axes[0].collections[0].get_offsets()) == len(images.test)
    assert not plain.axes[0].texts


def test_the_first_and_the_last_depth_are_among_the_shown(images: Images) -> None:
    figure = posteriors.latent_space(models(0, 1, 2, 4, 8, 16), images)
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == posteriors.SPACES
    assert titles[0] == "K = 0"
    assert titles[-1] == "K = 16"


def test_results_hold_the_first_finished_seed_of_each_depth(tmp_path: Path, images: Images) -> None:
    study = Study(name="t", depths=(2, 0), seeds=(0, 1, 5), seeds_per_job=2, model=MODEL)
    leave_models(tmp_path, study, failed=(0,))
    leave_images(tmp_path, images)
    results = PosteriorResults(study, tmp_path)
    assert [*results.models] == [0, 2]
    for depth, model in results.models.items():
        expected = build(MODEL, Flow(), depth, 64, (1,)).double().state_dict()
        for name, value in model.state_dict().items():
            assert torch.equal(value, expected[name])
    assert torch.equal(results.prepared.test, images.test)


def test_a_depth_without_a_finished_seed_has_no_model(tmp_path: Path) -> None:
    study = Study(name="t", depths=(0,), seeds=(0, 1), model=MODEL)
    leave_models(tmp_path, study, failed=(0, 1))
    assert PosteriorResults(study, tmp_path).models == {0: None}


def test_a_model_of_other_settings_is_refused(tmp_path: Path) -> None:
    study = Study(name="t", depths=(0,), seeds=(0,), model=MODEL)
    leave_models(tmp_path, study)
    other = study.model_copy(update={"flow": Flow(kind="radial")})
    with pytest.raises(UserError, match=r"model of flow.kind planar, expected radial"):
        _ = PosteriorResults(other, tmp_path).models
