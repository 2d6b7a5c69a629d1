from __future__ import annotations

import pytest
import torch

from flowdepth.compute.streams import generator
from flowdepth.data.inputs import observed, pixel_means
from flowdepth.data.prepare import prepare
from flowdepth.settings.sections import Dataset, Model, Objective, Training, TrainSettings
from flowdepth.training.pack import train

BINARY = Model(hidden=(16,), latent=2)
GREY = Model(hidden=(16,), latent=2, likelihood="normal", scale="pixel")


def test_pixel_means_are_those_of_the_training_images() -> None:
    images = prepare(Dataset(binarisation="dynamic"))
    means = pixel_means(images, torch.float64)
    torch.testing.assert_close(means, images.train.double().mean(0) / 16)


@pytest.mark.parametrize(
    ("dataset", "model"),
    [
        (Dataset(binarisation="dynamic"), BINARY),
        (Dataset(binarisation="threshold"), BINARY),
        (Dataset(binarisation="none"), GREY),
    ],
)
def test_training_improves_the_bound_under_every_binarisation(
    dataset: Dataset, model: Model
) -> None:
    settings = TrainSettings(
        model=model, training=Training(epochs=2), objective=Objective(annealing={"length": 1})
    )
    pack = train(settings, 1, (0, 1), prepare(dataset), torch.device("cpu"), torch.float64)
    for record in pack.records:
        assert not record.failed
        assert record.history[-1]["validation"] > record.history[0]["validation"]


SCALES = pytest.mark.parametrize("scale", ["learned", "pixel"])


@SCALES
def test_normal_scale_starts_at_the_spread_of_the_dequantised_pixels(scale: str) -> None:
    model = GREY.model_copy(update={"scale": scale})
    settings = TrainSettings(model=model, training=Training(epochs=1, learning_rate=1e-9))
    images = prepare(Dataset(binarisation="none"))
    pack = train(settings, 0, (0,), images, torch.device("cpu"), torch.float64)
    noise = torch.rand(200, *images.train.shape, generator=generator(0), dtype=torch.float64)
    pixels = (images.train + noise) / 17
    variance = (pixels - pixels.mean((0, 1))).square().mean((0, 1))
    expected = (variance if scale == "pixel" else variance.mean(0, keepdim=True)).sqrt()
    learned = pack.model.observation.log_scale.exp().flatten()
    torch.testing.assert_close(learned, expected, rtol=1e-2, atol=0)


@SCALES
def test_normal_scale_reaches_the_residuals_from_afar(scale: str) -> None:
    model = GREY.model_copy(update={"scale": scale, "scale_start": 0.5})
    settings = TrainSettings(model=model, training=Training(epochs=80))
    images = prepare(Dataset(binarisation="none"))
    pack = train(settings, 0, (0,), images, torch.device("cpu"))
    x = observed(images, "train", torch.float32).expand(1, -1, -1)
    with torch.no_grad():
        eps = torch.randn(1, x.shape[1], 5, 2, generator=generator(0))
        z = pack.model.encode(x).sample(eps)[1]
        squares = (x.unsqueeze(2) - pack.model.decode(z)).square().mean((1, 2))
    expected = (squares if scale == "pixel" else squares.mean(-1, keepdim=True)).sqrt()
    learned = pack.model.observation.log_scale.exp().flatten(1)
    assert (learned / expected).log().abs().mean() < 0.03
