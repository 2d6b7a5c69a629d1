from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from flowdepth.analysis.readers import read_examples
from flowdepth.data.inputs import observed
from flowdepth.data.prepare import prepare
from flowdepth.data.prepared import Images
from flowdepth.estimation.examples import examples, write_examples
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, Flow, Model

SEEDS = (3, 7)
MODEL = Model(hidden=(16,), latent=2)


@pytest.fixture(scope="module")
def images() -> Images:
    return prepare(Dataset())


def drawn(images: Images, seeds: tuple[int, ...] = SEEDS) -> dict[str, Tensor]:
    x = observed(images, "test", torch.float32)
    return examples(build(MODEL, Flow(), 2, 64, seeds), x, seeds)


def test_examples_are_probabilities(images: Images) -> None:
    shown = drawn(images)
    assert shown["reconstructions"].shape == shown["samples"].shape == (2, 32, 64)
    for tensor in shown.values():
        assert ((tensor >= 0) & (tensor <= 1)).all()


def test_examples_of_a_seed_do_not_depend_on_its_pack(images: Images) -> None:
    together, alone = drawn(images), drawn(images, (7,))
    for name in ("reconstructions", "samples"):
        torch.testing.assert_close(together[name][1:], alone[name])


def test_examples_are_read_as_they_were_written(images: Images, tmp_path: Path) -> None:
    shown = drawn(images)
    write_examples(shown, SEEDS, images, tmp_path / "examples.safetensors")
    found = read_examples(tmp_path, 5)
    assert found.seeds == SEEDS
    for name, tensor in shown.items():
        expected = tensor[..., :5, :].unflatten(-1, (8, 8)).numpy()
        np.testing.assert_array_equal(getattr(found, name), expected)
