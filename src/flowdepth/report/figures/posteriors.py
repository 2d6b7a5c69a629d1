"""Posteriors beside the exact ones, and the latent space of two dimensions."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from flowdepth.analysis.results import StudyResults
from flowdepth.data import inputs
from flowdepth.data.prepared import Images, load
from flowdepth.estimation import posteriors as estimation
from flowdepth.model.vae import FlowVAE
from flowdepth.report import style
from flowdepth.study import layout

IMAGES = 5  # rows of posteriors
SCATTERED = 2000  # points of a latent space, at most
SPACES = 4  # latent spaces, at most
SIDE = 15  # images on a side of a manifold
# Regions of highest density are drawn that hold these shares of the mass.
MASSES = (0.5, 0.9, 0.99)
# Half-width of the windows in standard deviations of the broadest exact posterior.
_DEVIATIONS = 3.5
_NARROWEST = 0.06  # of these windows: no narrower posterior has a deviation that is known
_PANEL = 1.12  # inches
_HALO = [withStroke(linewidth=2, foreground="white")]

Models = dict[int, FlowVAE | None]


class PosteriorResults(StudyResults):
    """What pictures of posteriors need: models and test images, on the CPU."""

    @cached_property
    def models(self) -> Models:
        """Each depth's first finished seed; None where all failed."""
        settings, seeds = self.study.train_settings(), self.study.seeds
        found: dict[int, list[Path]] = {depth: [] for depth in sorted(self.study.depths)}
        for pack in self.packs:
            found[layout.depth_of(pack)].append(layout.outputs("train", pack)["model"])
        return {
            k: estimation.first_finished(settings, k, paths, seeds) for k, paths in found.items()
        }

    @cached_property
    def prepared(self) -> Images:
        """The prepared images."""
        return load(layout.outputs("prepare", self.folder)["images"])


def posteriors(models: Models, prepared: Images) -> Figure:
    """Draw a row a test image, a column a depth: exact posterior filled, the encoder's as lines."""
    x = inputs.observed(prepared, "test", torch.float64)[:IMAGES]
    figure, panels = _rows_of_panels(len(x), len(models))
    for axes, image in zip(panels[:, 0], x, strict=True):
        _picture(axes, image.view(prepared.height, prepared.width).numpy())
    compared = {k: estimation.compare(m, x) for k, m in models.items() if m is not None}
    deviations = [c.deviation.max().item() for c in compared.values()]
    half_width = max(_DEVIATIONS * max(deviations, default=1.0), _NARROWEST)
    for column, (k, model) in zip(panels[:, 1:].T, models.items(), strict=True):
        column[0].set_title(f"K = {k}" if model is not None else f"K = {k}  failed", fontsize=9)
        if model is not None:
            _column(column, model, x, compared[k], half_width)
    for axes, model in zip(panels[-1, 1:], models.values(), strict=True):
        if model is not None:
            _scale_bar(axes, half_width)
            break
    return figure


def _rows_of_panels(rows: int, depths: int) -> tuple[Figure, NDArray[np.object_]]:
    """Return bare axes below a legend that is as wide as they are."""
    wide = depths >= 3
    width = _PANEL * (0.75 + max(2, depths))
    figure = style.new_figure(width, _PANEL * rows + (0.55 if wide else 0.75))
    ratios = {"width_ratios": [0.75] + [1] * depths}
    panels = figure.subplots(rows, 1 + depths, squeeze=False, gridspec_kw=ratios)
    for axes in panels.flat:
        _bare(axes)
    filled = mpl.patches.Patch(color=_shade(MASSES[1]), lw=0, label="exact posterior $p(z|x)$")
    line = mpl.lines.Line2D([], [], color=style.CONTRAST, lw=1.2, label="encoder's $q_K(z|x)$")
    columns = 2 if wide else 1
    shape: dict[str, Any] = {"loc": "outside upper left", "ncols": columns, "frameon": False}
    for text in figure.legend(handles=[filled, line], **shape).get_texts():
        text.set_parse_math(True)
    return figure, panels


def _column(
    panels: NDArray[np.object_],
    model: FlowVAE,
    x: Tensor,
    compared: estimation.Comparison,
    half_width: float,
) -> None:
    place: dict[str, Any] = {"x": 0.98, "y": 0.98, "ha": "right", "va": "top", "fontsize": 7}
    for n, axes in enumerate(panels):
        mean, log_p = compared.mean[n], compared.log_p[n]
        _posterior(axes, estimation.pair(model, x[n], log_p, mean, half_width))
        axes.spines[:].set(visible=True, color="#dddddd")
        written = f"KL {compared.divergence[n]:.2f} nats"
        axes.text(s=written, transform=axes.transAxes, path_effects=_HALO, **place)


def _posterior(axes: Axes, pair: estimation.Pair) -> None:
    z_1, z_2 = pair.axes.numpy()
    exact, encoder = pair.exact.numpy().T, pair.encoder.numpy().T
    cell = (z_1[1] - z_1[0]) * (z_2[1] - z_2[0])
    filled, lines = _levels(exact, cell), _levels(encoder, cell)
    if filled:
        shades = [*map(_shade, filled.values())]
        axes.contourf(z_1, z_2, exact, [*filled, np.inf], colors=shades)
    if lines:
        axes.contour(z_1, z_2, encoder, [*lines], colors=style.CONTRAST, linewidths=0.9)
    unseen = [name for name, levels in (("p", filled), ("q", lines)) if not levels]
    if unseen:
        place: dict[str, Any] = {"x": 0.02, "y": 0.02, "va": "bottom", "fontsize": 7}
        said = f"no {' or '.join(unseen)} in view"
        axes.text(s=said, transform=axes.transAxes, path_effects=_HALO, **place)
    axes.set(aspect="equal", xlim=z_1[[0, -1]], ylim=z_2[[0, -1]])


def _levels(density: NDArray[np.float64], cell: float) -> dict[float, float]:
    """Return the densities above which the shares `MASSES` of the mass lie, rising, with these.

    Left out are shares that the window does not hold, and what no line in it encloses.
    """
    falling = np.sort(density, axis=None)[::-1]
    mass = np.cumsum(falling) * cell
    held = [share for share in reversed(MASSES) if mass[-1] >= share]
    levels = {float(falling[np.searchsorted(mass, share)]): share for share in held}
    return {level: share for level, share in levels.items() if falling[-1] < level < falling[0]}


def _shade(mass: float) -> tuple[float, float, float]:
    share = 0.85 - 0.6 * MASSES.index(mass) / (len(MASSES) - 1)
    red, green, blue = (1 - share * (1 - c) for c in mpl.colors.to_rgb(style.ACCENT))
    return red, green, blue


def _scale_bar(axes: Axes, half_width: float) -> None:
    """Draw a bar of a round length in latent units at the foot of a panel."""
    length = 10 ** np.floor(np.log10(half_width))
    length *= next(f for f in (5, 2, 1) if f * length <= half_width)
    left, right, bottom = *axes.get_xlim(), axes.get_ylim()[0]
    start, height = left + 0.08 * (right - left), bottom + 0.08 * 2 * half_width
    axes.plot([start, start + length], [height, height], color=style.INK, lw=1.2)
    text: dict[str, Any] = {"va": "bottom", "fontsize": 7, "path_effects": _HALO}
    axes.text(start, height + 0.02 * 2 * half_width, f"{length:g}", **text)


def latent_space(models: Models, prepared: Images) -> Figure:
    """Draw the test images' posterior means, coloured by class, a panel a depth."""
    chosen = _spread({k: m for k, m in models.items() if m is not None})
    x = inputs.observed(prepared, "test", torch.float64)[:SCATTERED]
    means = {k: estimation.posterior_means(m, x).numpy() for k, m in chosen.items()}
    reach = 1.05 * max((np.abs(points).max() for points in means.values()), default=1.0)
    labels = None if prepared.test_labels is None else prepared.test_labels[:SCATTERED].numpy()
    columns = min(2, max(1, len(means)))
    rows = max(1, -(-len(means) // columns))
    figure = style.new_figure(height=style.WIDTH * rows / columns)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(means) :]:
        axes.set_axis_off()
    for axes, (k, points) in zip(panels.flat, means.items(), strict=False):
        _scatter(axes, points, labels)
        axes.set(aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
        axes.set_title(f"K = {k}", fontsize=9)
    for axes in panels[-1]:
        axes.set_xlabel("z₁")
    for axes in panels[:, 0]:
        axes.set_ylabel("z₂")
    return figure


def _spread(models: dict[int, FlowVAE]) -> dict[int, FlowVAE]:
    """Return the first, the last and some depths between."""
    depths = list(models)
    places = np.linspace(0, len(depths) - 1, min(SPACES, len(depths))).round().astype(int)
    return {depths[place]: models[depths[place]] for place in places}


def _scatter(axes: Axes, points: NDArray[np.float64], labels: NDArray[np.int64] | None) -> None:
    dots: dict[str, Any] = {"s": 7, "lw": 0, "alpha": 0.7}
    if labels is None:
        axes.scatter(*points.T, color=style.ACCENT, **dots)
    else:
        classes = np.unique(labels)
        palette = sns.husl_palette(len(classes), l=0.55, s=0.85)
        for label, colour in zip(classes, palette, strict=True):
            mine = points[labels == label]
            axes.scatter(*mine.T, color=colour, **dots)
            x, y = np.median(mine, axis=0)
            text: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "path_effects": _HALO,
                "weight": "bold",
            }
            axes.text(x, y, str(label), **text)
    axes.grid(visible=False)


def manifold(models: Models, prepared: Images) -> Figure:
    """Draw decoded quantiles of the prior, for the shallowest and the deepest depth."""
    done = {k: m for k, m in models.items() if m is not None}
    chosen = {k: done[k] for k in sorted(done) if k in (min(done), max(done))}
    columns = max(1, len(chosen))
    width = style.WIDTH if columns == 2 else style.WIDTH / 2
    figure = style.new_figure(width, width / columns * prepared.height / prepared.width + 0.3)
    panels = figure.subplots(1, columns, squeeze=False)[0]
    for axes in panels[len(chosen) :]:
        axes.set_axis_off()
    for axes, (k, model) in zip(panels, chosen.items(), strict=False):
        _picture(axes, _mosaic(model, prepared))
        axes.set_title(f"K = {k}", fontsize=9)
    return figure


@torch.no_grad()
def _mosaic(model: FlowVAE, images: Images) -> NDArray[np.float64]:
    """Return images decoded at quantiles of the prior; z_1 grows to the right, z_2 upwards."""
    quantiles = torch.from_numpy(norm.ppf((np.arange(SIDE) + 0.5) / SIDE))
    z = torch.cartesian_prod(quantiles.flip(0), quantiles).flip(-1)
    decoded = model.observation.mean(model.decode(z.view(1, 1, -1, 2)))
    gap = max(1, round(min(images.height, images.width) / 10))
    tiles = torch.full((SIDE, SIDE, images.height + gap, images.width + gap), torch.nan)
    tiles[:, :, gap:, gap:] = decoded.view(SIDE, SIDE, images.height, images.width)
    return torch.cat([*torch.cat([*tiles], 1)], 1)[gap:, gap:].numpy()


def _picture(axes: Axes, image: NDArray[np.float64]) -> None:
    axes.imshow(image, cmap=style.GREYS, vmin=0, vmax=1, interpolation="nearest")
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
