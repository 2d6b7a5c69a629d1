"""What a browser would find on a page."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib.resources import files

_SCRIPT = files("flowdepth.report") / "templates" / "report.js"


def without_script(html: str) -> str:
    """Return a page without the script that is its own, byte for byte."""
    rest = html.replace(f"<script>\n{_SCRIPT.read_text(encoding='utf-8').rstrip()}</script>", "")
    assert rest != html
    return rest


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._is_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_code = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.text += data.replace("\u00a0", " ")
