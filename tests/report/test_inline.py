from __future__ import annotations

import re

from flowdepth.report.inline import inline

SVG = b"""<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="36pt" viewBox="0 0 36 18" version="1.1">
 <metadata><rdf/></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style><path id="m1" d="M 0 0"/></defs>
 <!-- K = 0 -->
 <g id="nll-8-mean"><g clip-path="url(#p2)"><use xlink:href="#m1" x="3"/></g></g>
 <g id="nll-8-3"><use xlink:href="#m1" x="4"/></g>
 <clipPath id="p2"/>
</svg>"""


def test_a_mark_says_quantity_depth_which_it_is_and_its_label() -> None:
    text = inline(SVG, "f1", "A figure.", {"nll-8-mean": 'K = 8: "87" & so on'})
    assert (
        '<g data-quantity="nll" data-depth="8" data-which="mean" role="img" tabindex="-1" '
        'aria-label="K = 8: &quot;87&quot; &amp; so on">' in text
    )


def test_a_mark_without_a_label_is_found_and_not_walked_to() -> None:
    text = inline(SVG, "f1", "A figure.", {})
    assert '<g data-quantity="nll" data-depth="8" data-which="3">' in text
    assert "tabindex" not in text


def test_two_figures_on_a_page_share_no_identifier_and_find_their_own() -> None:
    both = [inline(SVG, prefix, "A figure.", {}) for prefix in ("f1", "f2")]
    ids = [set(re.findall(r'\bid="(.*?)"', text)) for text in both]
    assert not ids[0] & ids[1]
    for text, own in zip(both, ids, strict=True):
        used = re.findall(r'(?:href="#|url\(#)(.*?)["\)]', text)
        assert used
        assert {*used} <= own


def test_what_is_drawn_is_named_in_words_and_in_pixels_of_the_page() -> None:
    opening = inline(SVG, "f1", 'Of "K" & <more>', {}).split("\n")[0]
    assert 'role="img" aria-label="Of &quot;K&quot; &amp; &lt;more&gt;"' in opening
    assert 'width="48" height="24" viewBox="0 0 36 18"' in opening


def test_nothing_is_left_that_would_style_the_page() -> None:
    text = inline(SVG, "f1", "A figure.", {})
    assert not re.search("<style|<metadata|<!--|<!DOCTYPE|<.xml", text)
