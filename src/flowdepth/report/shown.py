"""The images on the page: tiles and strips of PNG, and how likely each test image is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from flowdepth.analysis.certificate import TEST
from flowdepth.analysis.readers import Examples, first_seeds
from flowdepth.analysis.thumbnails import of_first_seeds
from flowdepth.report.pages import rows as table_rows
from flowdepth.report.pages import source
from flowdepth.report.typesetting import plain, signed

_KEYS = ["depth", "seed", "image"]


def pictures(examples: dict[int, Examples], metrics: pd.DataFrame) -> dict[str, Any]:
    """Return the test images as PNG, and by depth the strips of its first finished seed."""
    first = first_seeds(metrics)
    originals = next((shown.originals for shown in examples.values()), np.zeros((0, 1, 1), "f4"))
    kinds = {
        name: of_first_seeds(examples, metrics, name) for name in ("reconstructions", "samples")
    }
    rows = [
        {"depth": depth, **({"seed": first[depth]} if depth in first else {})}
        | {name: _strip(images) for name in kinds if (images := kinds[name][depth]) is not None}
        for depth in kinds["samples"]
    ]
    return {
        "originals": [_png(image) for image in originals],
        "gap": _gap(len(originals), originals.shape[2]),
        "rows": rows,
    }


def shown_images(
    examples: dict[int, Examples],
    images: pd.DataFrame,
    annealed: pd.DataFrame,
    metrics: pd.DataFrame,
) -> pd.DataFrame:
    """Return the estimates of the images shown, by each depth's first finished seed.

    ``bias`` is known of annealed images.
    """
    count = max((len(shown.originals) for shown in examples.values()), default=0)
    first = pd.DataFrame(sorted(first_seeds(metrics).items()), columns=["depth", "seed"])
    rows = images[images["image"] < count].merge(first, on=["depth", "seed"])
    test = annealed.loc[annealed["kind"] == TEST, [*_KEYS, "bias"]]
    rows = rows.merge(test.astype(dict.fromkeys(_KEYS, int)), "left", _KEYS)
    return rows.sort_values(["image", "depth"])[[*_KEYS, "log_p", "mcse", "bias", "ess", "k_hat"]]


def estimates(rows: pd.DataFrame) -> dict[int, list[list[str]]]:
    """Return by image the table of what `shown_images` found, a row per depth."""
    texts = pd.DataFrame(
        {
            "K": rows["depth"].map(str),
            "seed": rows["seed"].map(str),
            "log p (nats)": plain(rows["log_p"], 2),
            "Monte-Carlo SE": plain(rows["mcse"], 2),
            "low by, annealed": signed(rows["bias"].astype(float), 2),
            "ESS": plain(rows["ess"], 0),
            "k_hat": plain(rows["k_hat"], 2),
        }
    )
    if rows["bias"].isna().all():
        texts = texts.drop(columns="low by, annealed")
    return {
        int(str(image)): table_rows(texts.loc[part.index]) for image, part in rows.groupby("image")
    }


def _strip(images: NDArray[np.float32]) -> str:
    """Return images [n, height, width] side by side, clear between them."""
    n, height, width = images.shape
    pad = _padding(width)
    strip = np.zeros((height, n * (width + pad) - pad, 2), dtype=np.float32)
    for i, image in enumerate(images):
        left = i * (width + pad)
        strip[:, left : left + width] = np.stack([image, np.ones_like(image)], axis=-1)
    return _png(strip)


def _padding(width: int) -> int:
    """Return how many pixels are between two images of a width."""
    return max(1, round(width / 10))


def _gap(count: int, width: int) -> float:
    """Return the padding in per cent of a whole strip of images."""
    pad = _padding(width)
    return round(100 * pad / (count * (width + pad) - pad), 3)


def _png(pixels: NDArray[np.float32]) -> str:
    file = io.BytesIO()
    Image.fromarray((255 * pixels.clip(0, 1)).round().astype(np.uint8)).save(file, "png")
    return source(file.getvalue(), "png")
