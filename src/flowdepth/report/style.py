"""The figures' one visual language: type, colours, the axis of depths, and how files are saved.

The same data gives the same bytes: no dates, no random identifiers, no fonts of the machine.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType
from numpy.typing import ArrayLike, NDArray

from flowdepth.base.files import write_bytes
from flowdepth.study.layout import FIGURE_FORMS

WIDTH = 5.0  # inches; type of 9 pt stays readable when printed one column (3.3 inches) wide
HEIGHT = 3.2
INK = "#222222"
GREY = "#6f6f6f"  # K = 0 and everything drawn for comparison
ACCENT = "#1f5f8b"
CONTRAST = "#a86026"  # the one quantity shown beside the NLL
DASHED = (0, (4, 3))  # K = 0 where it is a line
FORMATS = FIGURE_FORMS
GREYS = mpl.colormaps["gray"].resampled(256)  # however many a matplotlibrc gives it
COLUMN = 3.25  # inches, of a two-column paper

_RC: dict[RcKeyType, Any] = {
    "figure.figsize": (WIDTH, HEIGHT),
    "font.family": "DejaVu Sans",
    "font.size": 9,
    # A label may hold dollars: what is mathematics says so itself.
    "text.parse_math": False,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9a9a9a",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "ytick.left": False,
    "lines.solid_capstyle": "round",
    "savefig.dpi": 200,
    "svg.hashsalt": "flowdepth",
    "pdf.fonttype": 42,
}
# Times as matplotlib carries it, one size below a paper's text.
_PAPER: dict[RcKeyType, Any] = {
    "figure.figsize": (COLUMN, COLUMN * HEIGHT / WIDTH),
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
}
# From the middle of a label's left edge, so that it never crosses the letters.
_LEADER = {"arrowstyle": "-", "lw": 0.6, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 1}
_METADATA: dict[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


@contextmanager
def visual_language(paper: bool = False) -> Iterator[None]:
    """Give the context in which every figure is drawn and saved: for the page, or for a paper.

    Whatever a ``matplotlibrc`` says, such as one in the working folder, which comes first.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RC | _PAPER if paper else _RC)
        yield


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """Return an empty figure that belongs to no window and leaves no room for clipping.

    Width and height are inches on the page; in a paper both shrink with the width of a column.
    """
    scale = mpl.rcParams["figure.figsize"][0] / WIDTH
    figure = Figure(figsize=(scale * width, scale * height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def beside_labels(labels: Sequence[str], aspect: float) -> Axes:
    """Return axes of ``height / width = aspect`` that fill a new figure right of their labels.

    Constrained layout would let the labels of axes of fixed aspect leave the figure.
    """
    margin = 0.04
    left = 0.15 + 0.066 * max(map(len, labels))
    width = WIDTH - left - margin
    height = aspect * width + 2 * margin
    figure = new_figure(height=height)
    figure.set_layout_engine("none")
    bottom = margin / height
    return figure.add_axes((left / WIDTH, bottom, width / WIDTH, 1 - 2 * bottom))


def notice(text: str) -> Figure:
    """Return a figure of words, in the place of one that could not be drawn."""
    figure = new_figure(height=HEIGHT / 2)
    figure.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center", color=GREY)
    return figure


def save(
    figure: Figure, folder: Path, name: str, formats: Sequence[str] = FORMATS, title: str = ""
) -> list[Path]:
    """Write ``name`` as SVG, PDF and PNG, each whole or not at all; return their paths.

    A ``title`` is not drawn: it stands in the files for who cannot see them.

    Raises
    ------
    UserError
        If the disk refuses a file.
    """
    paths = {kind: folder / f"{name}.{kind}" for kind in formats}
    for kind, path in paths.items():
        # In memory first: on a full disk the PDF would end in an error of its own.
        write_bytes(path, contents(figure, kind, title))
    return [*paths.values()]


def contents(figure: Figure, kind: str, title: str = "") -> bytes:
    """Return the file of a ``kind`` that shows the figure."""
    file = io.BytesIO()
    metadata = _METADATA[kind] | ({"Title": title} if title else {})
    figure.savefig(file, format=kind, metadata=metadata)
    # Every form has the first one's layout, a tenth of the time of drawing.
    figure.set_layout_engine("none")
    return file.getvalue()


def mark(quantity: str, depth: object, which: object) -> str:
    """Return the name of what is drawn for one number: ``nll-8-mean``, or ``nll-8-3`` for seed 3.

    As its ``gid`` it is in the SVG, where the page finds it and says what it is.
    """
    return f"{quantity}-{depth}-{which}"


def dots(axes: Axes, x: ArrayLike, y: ArrayLike, marks: Iterable[str], **look: Any) -> None:  # noqa: ANN401
    """Draw dots at ``x`` and ``y`` [n] that have n names (`mark`)."""
    for place, value, name in zip(np.asarray(x), np.asarray(y), marks, strict=True):
        axes.plot(place, value, "o", lw=0, gid=name, **look)


def depth_colours(depths: Iterable[int]) -> dict[int, tuple[float, float, float]]:
    """Return a colour a depth: neutral grey for K = 0, then darker as K grows.

    Each has a contrast of at least 4.5 to white, because it also colours text.
    """
    layered = sorted(set(depths) - {0})
    palette = sns.color_palette("crest", as_cmap=True)(np.linspace(0.54, 1, max(len(layered), 1)))
    colours = {k: tuple(rgba[:3]) for k, rgba in zip(layered, palette, strict=False)}
    return {0: mpl.colors.to_rgb(GREY), **colours}


def dashes(depth: int) -> str | tuple[int, tuple[int, int]]:
    """Return the line style of a depth: K = 0 dashed, so that it is known without colours, too."""
    return DASHED if depth == 0 else "solid"


def depth_positions(depths: ArrayLike) -> NDArray[np.float64]:
    """Return where depths [n] stand on the axis: log2(K) + 1, and 0 for K = 0."""
    k = np.asarray(depths, dtype=np.float64)
    return np.where(k > 0, np.log2(np.maximum(k, 1)) + 1, 0.0)


def closest(positions: NDArray[np.float64]) -> float:
    """Return the smallest distance between two positions; 1 where there is only one."""
    return float(np.diff(np.sort(positions)).min()) if len(positions) > 1 else 1.0


def depth_axis(axes: Axes, depths: Sequence[int]) -> None:
    """Set up the x axis of depths, every depth a tick, labelled where there is room."""
    positions = depth_positions(depths)
    margin = max(0.5 * closest(positions), 0.03 * float(np.ptp(positions)))
    low, high = positions.min() - margin, positions.max() + margin
    shown = _roomy(depths, gap=0.045 * (high - low))
    axes.set_xticks(positions, [str(k) if k in shown else "" for k in depths])
    axes.set_xlim(low, high)
    axes.set_xlabel("flow layers K  (log scale; 0 = vanilla VAE)")
    if {0, *depths} == {*depths} and len(depths) > 1:
        _break_axis(axes, 0.5)


def _break_axis(axes: Axes, position: float) -> None:
    """Mark that a logarithmic axis begins anew at a position."""
    slanted: Any = [(-0.5, -1), (0.5, 1)]
    mark: dict[str, Any] = {"marker": slanted, "ms": 7, "mew": 0.8, "color": "#9a9a9a"}
    place = axes.get_xaxis_transform()
    for side in (-0.05, 0.05):
        axes.plot([position + side], [0], clip_on=False, transform=place, **mark)


def mark_failed(axes: Axes, depths: Iterable[int]) -> None:
    """Write where depths without a result would stand that they failed."""
    place: dict[str, Any] = {"rotation": 90, "ha": "center"}
    place["transform"] = axes.get_xaxis_transform()
    for depth in depths:
        axes.text(float(depth_positions(depth)), 0.04, "failed", color=GREY, **place)


def _roomy(depths: Sequence[int], gap: float) -> set[int]:
    """Return the depths whose labels keep ``gap`` apart; 0 and the powers of two come first."""
    shown: dict[int, float] = {}
    for k in sorted(depths, key=lambda k: (k & (k - 1) != 0, k)):
        position = float(depth_positions(k))
        if all(abs(position - other) >= gap for other in shown.values()):
            shown[k] = position
    return set(shown)


def spread(targets: ArrayLike, gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Return positions near ``targets`` [n], in their order, ``gap`` apart and within the limits.

    The least-squares solution: subtracting ``i * gap`` from the i-th smallest turns the constraint
    into monotony, which isotonic regression solves; clipping a monotone sequence keeps it so.
    Where the limits are too tight for ``gap``, the gap shrinks.
    """
    wanted = np.asarray(targets, dtype=np.float64)
    if wanted.size < 2:
        return wanted.clip(low, high)
    order = np.argsort(wanted, kind="stable")
    steps = min(gap, (high - low) / (wanted.size - 1)) * np.arange(wanted.size)
    from scipy.optimize import isotonic_regression

    free = isotonic_regression(wanted[order] - steps).x
    placed = np.empty_like(wanted)
    placed[order] = free.clip(low, high - steps[-1]) + steps
    return placed


def label_ends(axes: Axes, ends: Mapping[str, tuple[float, float, object]]) -> None:
    """Write each text at the right edge, beside its line's end ``(x, y, colour)``."""
    low, high = axes.get_ylim()
    place = axes.get_subplotspec()
    rows = place.get_gridspec().nrows if place else 1
    inches = axes.figure.get_figure(root=True).get_figheight()
    points = inches * 72 * 0.8 / rows  # height of the axes, about
    gap = (high - low) * mpl.rcParams["font.size"] * 1.15 / points
    heights = spread([min(max(y, low), high) for _, y, _ in ends.values()], gap, low, high)
    for (text, (x, y, colour)), height in zip(ends.items(), heights, strict=True):
        axes.annotate(
            text,
            xy=(x, min(max(y, low), high)),
            xytext=(1.05, height),
            textcoords=axes.get_yaxis_transform(),
            color=colour,
            va="center",
            arrowprops=_LEADER | {"color": colour},
            annotation_clip=False,
        )
