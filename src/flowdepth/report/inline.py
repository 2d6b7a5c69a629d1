"""The SVG of a figure as a part of a page, whose marks say what they are."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from markupsafe import Markup

_ROOT = re.compile(r'<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')
# What a page has by itself, or nobody sees there.
_IDLE = re.compile(r"<metadata>.*?</metadata>|<style .*?</style>|<!--.*?-->", re.DOTALL)
_MARK = re.compile(r'<g id="([a-z_]+)-(\d+)-(\w+)">')
_NAME = re.compile(r'(\bid="|href="#|url\(#)')
# CSS pixels of a point.
_POINT = 4 / 3


def inline(svg: bytes, prefix: str, alternative: str, labels: Mapping[str, str]) -> Markup:
    """Return the SVG element for a page; its identifiers begin with ``prefix``.

    Each mark (`style.mark`) says by itself quantity, depth and which it is, and its label, where it
    has one; ``alternative`` is what the whole shows.
    """
    text = svg.decode(errors="replace")
    text = _IDLE.sub("", text[text.find("<svg ") :])
    text = _NAME.sub(rf"\g<1>{prefix}-", _MARK.sub(lambda found: _mark(found, labels), text))
    text = _ROOT.sub(lambda found: _root(found, alternative, bool(labels)), text, count=1)
    return Markup(re.sub(r"\n\s*", "\n", text).strip())  # noqa: S704


def _root(found: re.Match[str], alternative: str, is_group: bool) -> str:
    width, height = (float(length) * _POINT for length in found.groups())
    role = "group" if is_group else "img"
    return (
        f'<svg class="lines" role="{role}" aria-label="{html.escape(alternative)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {found[1]} {found[2]}">'
    )


def _mark(found: re.Match[str], labels: Mapping[str, str]) -> str:
    quantity, depth, which = found.groups()
    label = labels.get(f"{quantity}-{depth}-{which}")
    told = f' role="img" tabindex="-1" aria-label="{html.escape(label)}"' if label else ""
    return f'<g data-quantity="{quantity}" data-depth="{depth}" data-which="{which}"{told}>'
