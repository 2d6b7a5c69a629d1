"""Four densities in the plane, and what flows of several depths make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from flowdepth.estimation.energies import NAMES, Fit, energy, grid, log_normaliser
from flowdepth.report import style

SEEN = 5.0  # half-width of a panel
PIXELS = 160


def energies(fits: dict[int, list[Fit]]) -> Figure:
    """Draw a row an energy: its own density, then the flows', on one colour scale a row."""
    columns = 1 + len(fits)
    figure = style.new_figure(height=style.WIDTH * len(NAMES) / columns + 0.2)
    panels = figure.subplots(len(NAMES), columns)
    points = grid(SEEN, PIXELS)
    for row, name in enumerate(NAMES):
        exact = np.exp(-energy(name, points).numpy() - log_normaliser(name))
        densities = [exact, *(_density(best[row], points) for best in fits.values())]
        for axes, density in zip(panels[row], densities, strict=True):
            _panel(axes, density, exact.max())
        place: dict[str, Any] = {"rotation": 0, "ha": "right", "va": "center"}
        panels[row, 0].set_ylabel(f"$U_{row + 1}$", parse_math=True, **place)
    for axes, title in zip(panels[0], ["exp(−U) / Z", *(f"K = {k}" for k in fits)], strict=True):
        axes.set_title(title, fontsize=9)
    return figure


def _density(fitted: Fit, points: torch.Tensor) -> NDArray[np.float64]:
    flat = points.view(1, 1, -1, 2)
    return fitted.log_prob(flat).exp().view(PIXELS, PIXELS).numpy()


def _panel(axes: Axes, density: NDArray[np.float64], top: float) -> None:
    axes.imshow(
        density.T,
        origin="lower",
        extent=(-SEEN, SEEN, -SEEN, SEEN),
        cmap="mako",
        vmin=0,
        vmax=top,
        interpolation="bilinear",
        rasterized=True,
    )
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
