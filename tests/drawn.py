"""What a figure shows, and how far."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text


def overhang(figure: Figure) -> float:
    """Return by how many inches what is drawn reaches beyond the figure; negative is inside."""
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)


def formulas(figure: Figure) -> list[Text]:
    """Return the texts of the figure that hold dollars."""
    return figure.findobj(lambda one: isinstance(one, Text) and "$" in one.get_text())
