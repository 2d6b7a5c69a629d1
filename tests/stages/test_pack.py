from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flowdepth.data.prepare import prepare
from flowdepth.data.prepared import Images
from flowdepth.settings.sections import Dataset
from flowdepth.stages.pack import sub_sample


def images(count: int, seed: int) -> Images:
    return replace(prepare(Dataset()), test=torch.zeros(count, 64), seed=seed)


def test_a_sub_sample_is_a_random_part_of_the_images_and_holds_the_smaller_ones() -> None:
    few, many = sub_sample(images(1000, 3), 50), sub_sample(images(1000, 3), 200)
    assert few == sorted(few)
    assert {*few} < {*many}
    assert sub_sample(images(1000, 4), 50) != few
    assert sub_sample(images(10, 3), 50) == [*range(10)]
    assert np.mean(many) == pytest.approx(500, abs=80)
