from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from flowdepth.analysis.results import StudyResults
from flowdepth.report.shown import estimates, pictures, shown_images

Summarised = Callable[..., StudyResults]


def pixels(source: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def rows_of(results: StudyResults) -> pd.DataFrame:
    return shown_images(results.examples, results.images, results.annealed, results.metrics)


def test_a_strip_shows_the_images_of_the_first_finished_seed(summarised: Summarised) -> None:
    results = summarised(failed=[(4, 0)])
    shown = pictures(results.examples, results.metrics)
    row = next(row for row in shown["rows"] if row["depth"] == 4)
    assert row["seed"] == 1
    examples = results.examples[4]
    wanted = examples.reconstructions[examples.seeds.index(1)]
    strip, width = pixels(row["reconstructions"]), wanted.shape[2]
    assert (strip[:, :width, 0] == (255 * wanted[0].clip(0, 1)).round()).all()
    assert (strip[:, :width, 1] == 255).all()
    assert (strip[:, width, 1] == 0).all()
    assert (strip[:, -width:, 0] == (255 * wanted[-1].clip(0, 1)).round()).all()


def test_the_test_images_stand_above_the_columns_of_the_strips(summarised: Summarised) -> None:
    results = summarised()
    shown = pictures(results.examples, results.metrics)
    count, size = len(shown["originals"]), pixels(shown["originals"][0]).shape[1]
    strip = pixels(shown["rows"][0]["samples"]).shape[1]
    gap = shown["gap"] / 100 * strip
    assert count * size + (count - 1) * gap == pytest.approx(strip, abs=0.1)


def test_a_depth_that_failed_has_an_empty_row(summarised: Summarised) -> None:
    results = summarised(failed=[(4, 0), (4, 1), (4, 2)])
    rows = pictures(results.examples, results.metrics)["rows"]
    assert [row["depth"] for row in rows] == [0, 1, 4]
    assert [*rows[2]] == ["depth"]


def test_an_image_is_told_with_its_log_likelihood_at_every_depth(summarised: Summarised) -> None:
    results = summarised()
    found = estimates(rows_of(results))
    images = results.images.set_index(["depth", "seed", "image"])["log_p"]
    header, *rows = found[2]
    assert header == ["K", "seed", "log p (nats)", "Monte-Carlo SE", "ESS", "k_hat"]
    assert [row[:3] for row in rows] == [
        [str(k), "0", f"{images[k, 0, 2]:.2f}".replace("-", "−")] for k in (0, 1, 4)
    ]


def test_the_bias_of_annealed_images_stands_beside_them(summarised: Summarised) -> None:
    results = summarised(settings={"certify": {"images": 5}}, bias={0: 2.0, 1: 1.5, 4: 1.0})
    found = rows_of(results)
    known = found.dropna(subset="bias")
    assert len(known)
    annealed = results.annealed.query("kind == 'test'").set_index(["depth", "seed", "image"])
    for row in known.to_dict("records"):
        assert row["bias"] == annealed.loc[(row["depth"], row["seed"], row["image"]), "bias"]
    assert estimates(found)[0][0][4] == "low by, annealed"
