"""Images for the eye: reconstructions and samples from the prior."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flowdepth.analysis.readers import Examples
from flowdepth.analysis.thumbnails import of_first_seeds
from flowdepth.report import style


def reconstructions(examples: dict[int, Examples], metrics: pd.DataFrame) -> Figure:
    """Draw the originals, then a row of reconstructions for each depth's first finished seed."""
    originals = next((shown.originals for shown in examples.values()), None)
    rows = {"original": originals, **_rows_by_depth(examples, metrics, "reconstructions")}
    return _image_rows(rows)


def prior_samples(examples: dict[int, Examples], metrics: pd.DataFrame) -> Figure:
    """Draw samples of each depth's first finished seed, a row a depth."""
    return _image_rows(_rows_by_depth(examples, metrics, "samples"))


def _rows_by_depth(
    examples: dict[int, Examples], metrics: pd.DataFrame, name: str
) -> dict[str, NDArray[np.float32] | None]:
    rows = of_first_seeds(examples, metrics, name)
    return {f"K = {k}{'  failed' * (row is None)}": row for k, row in rows.items()}


def _image_rows(rows: dict[str, NDArray[np.float32] | None]) -> Figure:
    """Draw labelled rows of images [n, height, width] as one mosaic; a missing row stays empty."""
    n, height, width = next((r.shape for r in rows.values() if r is not None), (10, 1, 1))
    pad = max(1, round(min(height, width) / 10))
    mosaic = np.full((len(rows) * (height + pad) - pad, n * (width + pad) - pad), np.nan)
    for i, row in enumerate(rows.values()):
        for j, image in enumerate(() if row is None else row):
            top, left = i * (height + pad), j * (width + pad)
            mosaic[top : top + height, left : left + width] = image
    axes = style.beside_labels(list(rows), aspect=mosaic.shape[0] / mosaic.shape[1])
    axes.imshow(mosaic, cmap=style.GREYS, vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks(np.arange(len(rows)) * (height + pad) + (height - 1) / 2, list(rows))
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return axes.figure.get_figure(root=True)
