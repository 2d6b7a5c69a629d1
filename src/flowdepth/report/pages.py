"""Pages by themselves: figures, tables and equations inside one HTML file."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from latex2mathml.converter import convert
from markupsafe import Markup

from flowdepth.analysis.readers import read_table
from flowdepth.base.errors import UserError
from flowdepth.report.registry import Figure
from flowdepth.study import layout

# A row between bars: few machines have a font whose bars stretch.
_BARS = re.compile(r'<mrow>(<mo [^>]*form="prefix">&#x0007C;</mo>)')


def render(template: str, **content: object) -> str:
    """Return the page that ``template`` makes of ``content``; text in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("flowdepth.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"bind": _bind, "equation": _equation}
    return environment.get_template(template).render(**content)


def _bind(text: str) -> str:
    """Return ``text`` with spaces that do not break inside "95 %" and "K = 0"."""
    return re.sub(r"(?<==) |(?<![,;]) (?=[=%\d])", "\u00a0", text)


def _equation(latex: str) -> Markup:
    """Return LaTeX as MathML on a line of its own, which scrolls where it is too long."""
    mathml = _BARS.sub(
        r'<mrow class="bars">\g<1>', convert(" ".join(latex.split()), display="block")
    )
    return Markup(f'<div class="equation" tabindex="0">{mathml}</div>')  # noqa: S704


def figure(results: Path, shown: Figure) -> dict[str, Any]:
    """Return what a page shows of a figure: its drawing, source and alternative text.

    Raises
    ------
    UserError
        If its file is missing.
    """
    kind = "png" if shown.is_pixels else "svg"
    files = layout.figure(results, shown.name)
    svg = _drawn(files["svg"])
    return {
        "svg": svg,
        "source": source(_drawn(files[kind]), kind),
        "section": shown.section,
        "is_pixels": shown.is_pixels,
        "alternative": _title(svg) or shown.alternative,
    }


def source(picture: bytes, kind: str) -> str:
    """Return what stands in a page for the file of a picture, ``png`` or ``svg``."""
    mime = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    return f"data:{mime};base64,{base64.b64encode(picture).decode()}"


def _drawn(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run snakemake to draw it") from None


def _title(svg: bytes) -> str:
    """Return the title that a figure has which could not be drawn."""
    found = re.search(r"<dc:title>(.*?)</dc:title>", svg.decode(errors="replace"), re.DOTALL)
    return html.unescape(found[1]) if found else ""


def text_table(path: Path) -> list[list[str]]:
    """Return the header and the rows of a CSV file, every cell as it is written."""
    return rows(read_table(path, (), text=True))


def rows(frame: pd.DataFrame) -> list[list[str]]:
    """Return the header and the rows of a table of text."""
    return [list(frame), *frame.to_numpy().tolist()]
