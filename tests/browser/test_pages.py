"""Pages as a browser shows them; screenshots for a person go to the folder in $FLOWDEPTH_SHOTS."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from browser.chromium import Browser
from published import FOLDER, STUDIES

WINDOWS = {"desktop": (1280, 900), "tablet": (800, 1000), "phone": (360, 740)}
PAGES = ("report", "compare")
# What the margins of the printed page leave of A4, in CSS pixels.
SHEET = (673, 1000)

in_every_window = pytest.mark.parametrize("window", WINDOWS)
in_both_schemes = pytest.mark.parametrize("scheme", ["light", "dark"])
on_every_page = pytest.mark.parametrize("name", PAGES)


@on_every_page
@in_both_schemes
@in_every_window
def test_page_loads_whole_without_complaints_and_fits_its_window(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, name: str, scheme: str, window: str
) -> None:
    browser.open(pages[name], *WINDOWS[window], scheme)
    folder = Path(os.environ.get("FLOWDEPTH_SHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    browser.screenshot(folder / f"{name}_{window}_{scheme}.png")
    assert browser.complaints == []
    # A phone's innerWidth would grow with the page.
    assert browser.evaluate("document.documentElement.scrollWidth") <= WINDOWS[window][0]
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt)"
    assert browser.evaluate(broken) == []
    assert browser.evaluate("document.images.length") > 0


@on_every_page
def test_every_figure_has_an_alternative_text(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name], *WINDOWS["desktop"])
    texts = "[...document.images].map(i => i.alt.trim())"
    assert all(browser.evaluate(texts))
    drawn = "[...document.querySelectorAll('svg.lines')].map(s => s.ariaLabel)"
    assert all(len(text) > 20 for text in browser.evaluate(drawn))


@on_every_page
def test_headings_skip_no_level(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], *WINDOWS["desktop"])
    found = "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(h => +h.tagName[1])"
    levels = browser.evaluate(found)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_equations_are_laid_out(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"], *WINDOWS["desktop"])
    fractions = "[...document.querySelectorAll('mfrac')].map(f => f.getBoundingClientRect().height)"
    letter = browser.evaluate("document.querySelector('mi').getBoundingClientRect().height")
    assert min(browser.evaluate(fractions)) > 1.5 * letter


def test_page_is_dark_in_the_dark_scheme_and_bright_in_the_light_one(
    browser: Browser, pages: dict[str, Path]
) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    shades = {}
    for scheme in ("light", "dark"):
        browser.open(pages["report"], *WINDOWS["desktop"], scheme)
        shades[scheme] = max(map(int, re.findall(r"\d+", browser.evaluate(background))))
    assert shades["light"] > 200
    assert shades["dark"] < 60


@on_every_page
def test_print_takes_one_to_sixteen_sheets(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name], *WINDOWS["desktop"], "dark")
    printed = browser.pdf()
    folder = os.environ.get("FLOWDEPTH_SHOTS")
    if folder:
        (Path(folder) / f"{name}.pdf").write_bytes(printed)
    sheets = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 1 <= sheets <= 16


@pytest.mark.parametrize("study", STUDIES)
def test_print_fits_a_sheet(browser: Browser, study: str) -> None:
    browser.open(FOLDER / study / "report.html", *SHEET)
    browser.send("Emulation.setEmulatedMedia", media="print")
    drawn = "[...document.querySelectorAll('table, figure svg, figure img, pre')]"
    widest = f"Math.max(...{drawn}.map(one => one.getBoundingClientRect().right))"
    assert browser.evaluate(widest) <= SHEET[0]
    browser.send("Emulation.setEmulatedMedia", media="")


def test_print_shows_what_was_folded_and_nothing_to_click(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["report"], *WINDOWS["desktop"])
    tools = "[...document.querySelectorAll('[data-tool], .foot')].some(t => t.checkVisibility())"
    assert browser.evaluate(tools)
    visible = "document.querySelector('details table').checkVisibility()"
    assert not browser.evaluate(visible)
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate(visible)
    assert not browser.evaluate(tools)
    browser.send("Emulation.setEmulatedMedia", media="")


@on_every_page
@in_both_schemes
@pytest.mark.parametrize("window", ["desktop", "phone"])
def test_axe_finds_no_serious_barrier(
    browser: Browser, pages: dict[str, Path], axe: str, name: str, scheme: str, window: str
) -> None:
    browser.open(pages[name], *WINDOWS[window], scheme)
    browser.evaluate(f"{axe};0")
    report = "axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html]))"
    found = browser.evaluate(report)
    assert [one for one in found if one[0] in ("serious", "critical")] == []
