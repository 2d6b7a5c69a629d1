from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flowdepth.analysis.readers import Examples, first_examples
from flowdepth.analysis.summary import study_tables
from flowdepth.report.figures import images
from flowdepth.report.figures.images import prior_samples, reconstructions
from flowdepth.settings.study import Study

Fabricate = Callable[..., tuple[Study, list[Path]]]


def shown(
    results: tuple[Study, list[Path]], count: int = 10
) -> tuple[dict[int, Examples], pd.DataFrame]:
    study, packs = results
    metrics = study_tables(study, packs)["metrics"]
    return first_examples(packs, metrics, count), metrics


def test_rows_show_the_first_finished_seed(fabricate: Fabricate) -> None:
    examples, metrics = shown(fabricate(depths=(0, 4), failed=[(4, 0)]))
    rows = images._rows_by_depth(examples, metrics, "samples")
    np.testing.assert_array_equal(rows["K = 0"], examples[0].samples[0])
    np.testing.assert_array_equal(rows["K = 4"], examples[4].samples[1])


def test_images_are_neither_turned_nor_stretched(fabricate: Fabricate) -> None:
    examples, metrics = shown(fabricate(depths=(0,), shape=(12, 5)))
    mosaic = prior_samples(examples, metrics).axes[0].images[0].get_array()
    np.testing.assert_allclose(mosaic[:12, :5], examples[0].samples[0, 0])
    assert mosaic.shape == (12, 10 * 6 - 1)


@pytest.mark.parametrize(("draw", "rows"), [(reconstructions, 3), (prior_samples, 2)])
def test_as_many_images_are_shown_as_there_are_examples(
    fabricate: Fabricate, draw: Callable, rows: int
) -> None:
    figure = draw(*shown(fabricate(depths=(0, 4)), count=3))
    assert figure.axes[0].images[0].get_array().shape == (rows * 9 - 1, 3 * 9 - 1)
