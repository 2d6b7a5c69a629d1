"""The page docs/kinds.md: its sentences, tables and figure follow from what is kept beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
import pytest

from checkout import ROOT
from flowdepth.report import style
from flowdepth.report.figures.overlay import overlay
from flowdepth.report.kinds import between
from flowdepth.report.typesetting import BRACKET, intervals, minus

PAGE = (ROOT / "docs" / "kinds.md").read_text(encoding="utf-8")
WORDS = re.sub(r"\s+(> )?", " ", PAGE)
FIGURE = ROOT / "docs" / "figures" / "kinds.svg"
KINDS = ("planar", "householder", "sylvester", "radial")


def kept(name: str) -> dict[str, pd.DataFrame]:
    return {kind: pd.read_csv(ROOT / "docs" / "kinds" / kind / name) for kind in KINDS}


METRICS, SUMMARIES, GAPS = map(kept, ("metrics.csv", "summary.csv", "inference_gap.csv"))


def rows(columns: list[list[str]]) -> Iterator[str]:
    """Yield a row a depth in Markdown."""
    depths = map(str, SUMMARIES["planar"]["depth"])
    for cells in zip(depths, *columns, strict=True):
        row = minus(f"| {' | '.join(cells)} |").replace("|  ", "| ")
        yield row.replace(", ", ",&nbsp;")


TABLES = {
    "gains": [intervals(one, "nll_difference_", BRACKET, "+") for one in SUMMARIES.values()],
    "gaps": [[*one["approximation gap [95 %]"]] for one in GAPS.values()],
    "sizes": [[f"{n:,}" for n in one["parameters"]] for one in SUMMARIES.values()],
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_page_has_the_numbers_that_were_kept(table: list[list[str]]) -> None:
    assert [row for row in rows(table) if row not in PAGE] == []


def test_the_page_says_of_the_kinds_what_their_comparison_says() -> None:
    sentences, _ = between(METRICS)
    assert len(sentences) == 2
    assert [one for one in sentences if one not in WORDS] == []


def test_kinds_of_flow_share_their_vanilla_vae_to_the_bit() -> None:
    vanilla = [one[one["depth"] == 0].drop(columns="study") for one in METRICS.values()]
    assert len(vanilla[0]) == 5
    for other in vanilla[1:]:
        pd.testing.assert_frame_equal(other, vanilla[0], check_exact=True)


def test_the_figure_is_drawn_from_what_was_kept() -> None:
    with style.visual_language():
        drawn = style.contents(overlay(SUMMARIES, True, True), "svg")
    assert drawn == FIGURE.read_bytes()
