from __future__ import annotations

from dataclasses import replace

import torch

from flowdepth.data.inputs import epoch_images, observed
from flowdepth.data.prepare import prepare
from flowdepth.settings.sections import Dataset


def test_static_images_stay_the_same_every_epoch() -> None:
    images = prepare(Dataset())
    first, second = (epoch_images(images, (0, 1), epoch, torch.float32) for epoch in (1, 2))
    assert first is second is images.train


def test_dynamic_images_are_redrawn_for_every_epoch_and_seed() -> None:
    images = prepare(Dataset(binarisation="dynamic"))
    first, second = (epoch_images(images, (0, 1), epoch, torch.float32) for epoch in (1, 2))
    assert first.shape == (2, *images.train.shape)
    assert first.unique().tolist() == [0, 1]
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])
    grey = images.train.double() / 16
    drawn = torch.stack([epoch_images(images, (0,), e, torch.float32)[0] for e in range(30)])
    assert (drawn.double().mean(0) - grey).abs().mean() < 0.07


def test_dynamic_images_of_a_seed_are_the_same_in_any_pack() -> None:
    images = prepare(Dataset(binarisation="dynamic"))
    pack, alone = (epoch_images(images, seeds, 3, torch.float32) for seeds in ((0, 1), (1,)))
    assert torch.equal(pack[1], alone[0])


def test_grey_images_are_dequantised() -> None:
    images = prepare(Dataset(binarisation="none"))
    for pixels, grey in [
        (epoch_images(images, (5,), 1, torch.float64)[0], images.train),
        (observed(images, "test", torch.float64), images.test),
    ]:
        assert torch.equal((pixels * 17).floor(), grey.double())
        assert 0.45 < (pixels * 17).frac().mean() < 0.55


def test_test_pixels_are_drawn_once_from_the_seed_of_the_data_set() -> None:
    images = prepare(Dataset(binarisation="none"))
    first, second = (observed(images, "test", torch.float32) for _ in range(2))
    assert torch.equal(first, second)
    other = replace(images, seed=images.seed + 1)
    assert not torch.equal(observed(other, "test", torch.float32), first)


def test_binary_test_pixels_stay_as_they_are() -> None:
    images = prepare(Dataset())
    assert torch.equal(observed(images, "test", torch.float32), images.test.float())
