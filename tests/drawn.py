"""What a figure shows, and how far."""

from __future__ import annotations

from matplotlib.figure import Figure


def overhang(figure: Figure) -> float:
    """Return by how many inches what is drawn reaches beyond the figure; negative is inside."""
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)
