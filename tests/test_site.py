"""The documentation as a site, built as `make docs` does."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import flowdepth

# A server shows it in the place of any page, so that its links begin at the site's root.
NOT_READ = "404.html"
FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href"}


class Page(HTMLParser):
    """Where a page's links lead, what it fetches, and the places that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.places: set[str | None] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        if tag in FETCHED and found.get("rel") not in ("canonical", "license"):
            self.fetched.append(found.get(FETCHED[tag]) or "")
        self.places |= {found.get("id"), found.get("name") if tag == "a" else None}


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Its pages, published reports among them."""
    return {path: Page(path) for path in site.rglob("*.html") if path.name != NOT_READ}


def leads_nowhere(link: str, page: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target in pages:
        return unquote(parts.fragment) not in pages[target].places
    return not target.is_file()


def test_every_link_and_image_leads_to_a_file_or_a_place_in_it(pages: dict[Path, Page]) -> None:
    assert len(pages) > 15
    dead = [
        f"{path.name}: {link}"
        for path, page in pages.items()
        for link in page.links
        if leads_nowhere(link, path, pages)
    ]
    assert not dead


def test_a_dead_link_is_found(site: Path, pages: dict[Path, Page]) -> None:
    index = site / "index.html"
    assert leads_nowhere("../benchmarks/README.md", index, pages)
    assert leads_nowhere("#no-such-place", index, pages)
    assert not leads_nowhere("#in-a-folder-of-your-own", index, pages)


def test_the_site_fetches_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    elsewhere = {link for page in pages.values() for link in page.fetched if urlsplit(link).netloc}
    assert not elsewhere


def test_the_reference_has_every_public_name(site: Path) -> None:
    text = (site / "api.html").read_text(encoding="utf-8")
    for name in flowdepth._MODULES:
        assert f"flowdepth.{name}\n" in text or f">flowdepth.{name}<" in text, name


def test_a_formula_has_a_box_to_scroll_in(site: Path) -> None:
    text = (site / "maths.html").read_text(encoding="utf-8")
    assert text.count('display="block"') == text.count('<div class="formula">') > 5
