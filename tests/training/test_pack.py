from __future__ import annotations

import pytest
import torch

from flowdepth.data.inputs import pixel_means
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
