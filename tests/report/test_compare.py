from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest

from flowdepth.base.errors import UserError
from flowdepth.report import compare, pages
from flowdepth.study import layout
from markup import Page


def test_settings_that_differ_are_listed() -> None:
    one = {"name": "a", "model": {"latent": 8, "hidden": [2]}, "report": {"title": "A"}}
    other = {"name": "b", "model": {"latent": 2, "hidden": [2]}, "report": {"title": "B"}}
    assert compare.differing({"a": one, "b": other}) == [
        ["setting", "a", "b"],
        ["model.latent", "8", "2"],
    ]


def test_likelihoods_of_other_images_are_not_set_against_each_other() -> None:
    one = {"test images": "ca0294c3", "binarisation": "static", "likelihood": "bernoulli"}
    other = one | {"test images": "9e1c19b3", "binarisation": "dynamic"}
    assert compare.apart({"a": one, "b": one}) == []
    assert compare.apart({"a": one, "b": other}) == [
        "binarisation (static in a, dynamic in b)",
        "test images (ca0294c3 in a, 9e1c19b3 in b)",
    ]


def test_the_page_says_why_likelihoods_are_not_drawn_over_one_another() -> None:
    names = ("binarized_mnist", "mnist", "binarized_mnist_long")
    folders = [layout.REFERENCE / name for name in names]
    text = " ".join(Page(compare.page(folders[:2])).text.split())
    assert "Different are: binarisation (static in reference/binarized_mnist, " in text
    assert "test images (ca0294c3b8d9 in reference/binarized_mnist, " in text
    assert "all studies have the same test images" in Page(compare.page(folders[::2])).text


def test_the_overlay_has_its_numbers_and_its_drawing() -> None:
    folders = [layout.REFERENCE / name for name in ("binarized_mnist", "binarized_mnist_long")]
    tags = Page(compare.page(folders)).tags
    links = {one["download"]: one["href"] for _, one in tags if "download" in one}
    (first, *rows) = unquote(links["compare.csv"].partition(",")[2]).splitlines()
    assert first == "study,depth,seed,parameters,nll,elbo"
    assert len(rows) == 7 * 5 + 2 * 3
    drawing = base64.b64decode(links["compare.svg"].partition(",")[2])
    assert b"<svg" in drawing


def test_the_page_shows_the_numbers_of_the_study_s_own(
    render: Callable[..., str], tmp_path: Path
) -> None:
    own = render(gain=0.5)
    html = compare.page([tmp_path])
    headline, sentence = re.findall(r"<p(?: class=\"headline\")?>(.*?)</p>", own)[:2]
    assert f"<strong>{headline}</strong> {sentence}" in html
    depth, difference, nll = re.search(r'<tr class="grey">(.*?)</tr>', own)[1].split("</td>")[:3]
    assert f'<tr class="grey">{depth}</td>{nll}</td>{difference}</td></tr>' in html
    figure = (tmp_path / "figures" / "nll_by_depth.svg").read_bytes()
    assert f'src="{pages.source(figure, "svg")}"' in html
    assert "The studies share every setting" in html
    assert not re.search(r"<(script|link|iframe)|https?:", html.replace("http://www.w3.org", ""))


def test_a_damaged_study_is_refused(render: Callable[..., str], tmp_path: Path) -> None:
    render()
    (tmp_path / "tables" / "nll_by_depth.csv").write_text("K\n0\n")
    with pytest.raises(UserError, match=r"nll_by_depth.csv: damaged"):
        compare.page([tmp_path])


def test_a_failed_study_has_no_lowest_depth(render: Callable[..., str], tmp_path: Path) -> None:
    render(depths=(0,), seeds=(0,), failed=[(0, 0)])
    assert "<td>failed</td>" in compare.page([tmp_path])
