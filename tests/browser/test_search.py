"""The site's search, in a browser that reads the pages from their folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser.chromium import Browser

_META = "document.querySelector('.md-search-result__meta').textContent.trim()"
_LINKS = "[...document.querySelectorAll('.md-search-result__link')].map((link) => link.href)"


def until(ready: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return what ``ready`` gives once it is true, or after 20 seconds."""
    end = time.monotonic() + 20
    while not (found := ready()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


@pytest.mark.parametrize(
    ("word", "page"), [("cluster", "slurm.html"), ("jacobian", "own_flow.html")]
)
def test_search_finds_a_page_from_the_folder(
    browser: Browser, site: Path, word: str, page: str
) -> None:
    browser.open(site / "index.html", 1400, 900)
    browser.click(".md-search__input")
    until(lambda: browser.evaluate(_META) == "Type to start searching")
    browser.send("Input.insertText", text=word)
    browser.send("Input.dispatchKeyEvent", type="keyUp", key=word[-1])
    found = until(lambda: browser.evaluate(_LINKS))
    assert any(f"/{page}" in link for link in found), found
    assert not browser.complaints
