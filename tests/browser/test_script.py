"""What the page answers to a mouse, a finger, a keyboard and a link, and without its script."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.chromium import Browser

WINDOW = (1400, 900)
FIRST = "#nll_by_depth"
MEAN = f'{FIRST} [data-quantity="nll"][data-depth="0"][data-which="mean"]'
SEED = f'{FIRST} [data-quantity="nll"][data-which="1"]'
TOLD = "document.querySelector('#told.shown')?.textContent ?? ''"
FRAGMENT = "location.hash"


@pytest.fixture
def report(browser: Browser, pages: dict[str, Path]) -> Browser:
    """A browser that shows the report."""
    browser.open(pages["report"], *WINDOW)
    return browser


def reopen(browser: Browser, page: Path, fragment: str) -> None:
    """Open a page by a link with a fragment, in a tab that shows another."""
    browser.send("Page.navigate", url="about:blank")
    browser.open(page, *WINDOW, fragment=fragment)


def set_value(browser: Browser, field: str, value: object, event: str = "change") -> None:
    browser.evaluate(
        f"{{const f = document.querySelector('{field}'); f.value = '{value}'; "
        f"f.dispatchEvent(new Event('{event}', {{bubbles: true}}))}}"
    )


def column(browser: Browser, section: str, number: int) -> list[str]:
    cells = f"#{section} .wide tbody td:nth-child({number})"
    first = f"document.querySelector('#{section} .wide table').tBodies[0].rows"
    assert browser.evaluate(f"document.querySelectorAll('{cells}').length")
    return browser.evaluate(f"[...{first}].map(r => r.cells[{number - 1}].textContent)")


def visible(browser: Browser, query: str) -> list[str]:
    found = f"[...document.querySelectorAll('{query}')]"
    return browser.evaluate(f"{found}.filter(e => e.checkVisibility()).map(e => e.textContent)")


def test_a_mark_under_the_mouse_says_what_it_is(report: Browser) -> None:
    assert report.evaluate(TOLD) == ""
    report.hover(MEAN)
    assert report.evaluate(TOLD).startswith("K = 0: NLL ")
    report.move(2, 2)
    assert report.evaluate(TOLD) == ""
    assert report.complaints == []


def test_a_tapped_mark_says_what_it_is(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"], 390, 800)
    browser.tap(MEAN)
    told = browser.evaluate(TOLD)
    assert told.startswith("K = 0")
    box = "document.querySelector('#told').getBoundingClientRect()"
    assert browser.evaluate(f"{box}.left >= 0 && {box}.right <= 390")


def test_a_clicked_seed_is_followed_through_all_figures(report: Browser) -> None:
    report.click(SEED)
    assert "seed=1" in report.evaluate(FRAGMENT)
    lines = "document.querySelectorAll('{} .seedline').length"
    assert report.evaluate(lines.format(FIRST)) == 2
    assert report.evaluate(lines.format("#elbo_and_nll")) == 2
    assert report.evaluate("document.querySelector('[data-choose=seed]').value") == "1"
    report.click(SEED)
    assert report.evaluate(lines.format("")) == 0
    assert report.evaluate("document.querySelectorAll('.faded').length") == 0


def test_the_curves_of_seeds_are_shown_on_demand(report: Browser) -> None:
    curves = "[...document.querySelectorAll('#learning_curves [data-which]')]"
    drawn = (
        f"{curves}.filter(c => getComputedStyle(c).display !== 'none').map(c => c.dataset.which)"
    )
    assert {*report.evaluate(drawn)} == {"mean"}
    report.evaluate("document.querySelector('[data-seeds]').click()")
    assert {*report.evaluate(drawn)} > {"mean"}


def test_the_keyboard_alone_reads_every_mark(report: Browser) -> None:
    at = "document.activeElement.getAttribute('aria-label')"
    report.evaluate(f"document.querySelector('{FIRST} [tabindex=\"0\"]').focus()")
    marks = report.evaluate(f"document.querySelectorAll('{FIRST} [aria-label][data-which]').length")
    read = [report.evaluate(at)]
    for _ in range(marks - 1):
        report.press("ArrowDown")
        read.append(report.evaluate(at))
    assert len({*read}) == marks
    report.press("ArrowDown")
    assert report.evaluate(at) == read[-1]
    report.press("Home")
    assert report.evaluate(at) == read[0]
    assert report.evaluate(TOLD) == read[0]
    report.press("ArrowRight")
    assert report.evaluate("document.activeElement.dataset.depth") > "0"
    report.press("Enter")
    followed = report.evaluate("document.activeElement.dataset.which")
    assert (f"seed={followed}" in report.evaluate(FRAGMENT)) == followed.isdigit()
    report.press("Escape")
    assert report.evaluate(TOLD) == ""
    assert "seed" not in report.evaluate(FRAGMENT)


def test_one_key_leaves_a_figure(report: Browser) -> None:
    report.evaluate(f"document.querySelector('{FIRST} [tabindex=\"0\"]').focus()")
    report.press("Tab")
    inside = f"document.querySelector('{FIRST} svg').contains(document.activeElement)"
    assert not report.evaluate(inside)


def test_the_depth_to_compare_with_can_be_chosen(report: Browser) -> None:
    tables = "#numbers [data-compare] td:first-child"
    before = visible(report, tables)
    other = report.evaluate("document.querySelector('[data-choose=compare]').options[1].value")
    set_value(report, "[data-choose=compare]", other)
    after = visible(report, tables)
    assert other in before
    assert other not in after
    assert "0" in after
    assert f"compare={other}" in report.evaluate(FRAGMENT)


def test_a_table_is_sorted_by_the_column_that_is_chosen(report: Browser) -> None:
    written = column(report, "numbers", 3)
    head = "document.querySelector('#numbers .wide thead th:nth-child(3) button')"
    sorts = "document.querySelector('#numbers .wide thead th:nth-child(3)').ariaSort"
    numbers = [float(text.split()[0]) for text in written if text]
    for way, wanted in (("ascending", sorted(numbers)), ("descending", sorted(numbers)[::-1])):
        report.evaluate(f"{head}.click()")
        shown = [float(text.split()[0]) for text in column(report, "numbers", 3) if text]
        assert (shown, report.evaluate(sorts)) == (wanted, way)
    report.evaluate(f"{head}.click()")
    assert column(report, "numbers", 3) == written


def test_the_slider_shows_the_images_of_one_depth(report: Browser) -> None:
    rows = "#images [data-row] span"
    everything = visible(report, rows)
    assert len(everything) == 2 * len({*everything})
    set_value(report, "#depth", 1, "input")
    assert {*visible(report, rows)} == {everything[1]}
    assert visible(report, "#depth-shown") == [everything[1]]
    set_value(report, "#depth", -1, "input")
    assert visible(report, rows) == everything


def test_a_test_image_says_how_likely_each_depth_finds_it(report: Browser) -> None:
    assert visible(report, "[data-estimates]") == []
    report.evaluate("document.querySelectorAll('button[data-image]')[2].click()")
    assert visible(report, "[data-estimates] h3") == ["Test image 2"]
    assert "0" in visible(report, "[data-estimates] td:first-child")
    report.evaluate("document.querySelectorAll('button[data-image]')[2].click()")
    assert visible(report, "[data-estimates]") == []


def test_a_link_shows_the_view_that_it_was_taken_from(
    report: Browser, pages: dict[str, Path]
) -> None:
    report.evaluate("document.querySelectorAll('button[data-image]')[3].click()")
    set_value(report, "#depth", 0, "input")
    set_value(report, "[data-choose=seed]", 1)
    report.evaluate("document.querySelector('#numbers .wide thead th:nth-child(2) button').click()")
    state = (
        "JSON.stringify([...document.querySelectorAll('[hidden], .chosen, [aria-sort], "
        "[aria-pressed=true]')].map(e => e.outerHTML.slice(0, 80)))"
    )
    link, seen = report.evaluate(FRAGMENT), report.evaluate(state)
    reopen(report, pages["report"], link)
    assert report.evaluate(state) == seen
    assert report.evaluate("scrollY") > 300
    reopen(report, pages["report"], "")
    assert report.evaluate(state) != seen


def test_a_link_of_another_study_s_view_harms_nothing(
    report: Browser, pages: dict[str, Path]
) -> None:
    reopen(report, pages["report"], "#seed=99&compare=77&depth=x&image=400&sort=9.9.up&at=nowhere")
    assert report.complaints == []
    assert visible(report, "#numbers [data-compare] td:first-child")
    assert report.evaluate("document.querySelector('[data-choose=seed]').value") == ""


def test_the_svg_of_a_figure_is_a_file_of_its_own(report: Browser) -> None:
    report.evaluate(
        "document.querySelector('#nll_by_depth [data-svg]').addEventListener"
        "('click', e => e.preventDefault())"
    )
    report.evaluate("document.querySelector('#nll_by_depth [data-svg]').click()")
    text = "fetch(document.querySelector('#nll_by_depth [data-svg]').href).then(r => r.text())"
    root = f"{text}.then(t => new DOMParser().parseFromString(t, 'image/svg+xml'))"
    assert report.evaluate(f"{root}.then(d => d.documentElement.tagName)") == "svg"
    assert report.evaluate(f"{root}.then(d => d.querySelectorAll('use').length)") > 20


def test_a_figure_s_data_open_as_a_table(report: Browser) -> None:
    link = "document.querySelector('#nll_by_depth a[download$=csv]').href"
    text = report.evaluate(f"fetch({link}).then(r => r.text())")
    header, *rows = text.splitlines()
    assert header.split(",")[:3] == ["depth", "seed", "nll"]
    assert {len(row.split(",")) for row in rows} == {len(header.split(","))}


def test_without_its_script_the_page_shows_all_and_offers_nothing_that_would_not_work(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages["report"], *WINDOW)
        assert visible(browser, "select, input, button") == []
        assert len(visible(browser, "#images [data-row] span")) >= 4
        assert visible(browser, "#numbers [data-compare] td:first-child")
        curves = "[...document.querySelectorAll('#learning_curves [data-which]')]"
        hidden = f"{curves}.filter(c => getComputedStyle(c).display === 'none').length"
        assert browser.evaluate(hidden) == 0
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_axe_finds_no_serious_barrier_in_a_view(report: Browser, axe: str) -> None:
    report.evaluate("document.querySelectorAll('button[data-image]')[3].click()")
    set_value(report, "[data-choose=seed]", 1)
    report.hover(MEAN)
    report.evaluate(f"{axe};0")
    found = report.evaluate("axe.run().then(r => r.violations.map(v => [v.impact, v.id]))")
    assert [one for one in found if one[0] in ("serious", "critical")] == []
