"""The page docs/own_figure.md, its examples run from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flowdepth
from checkout import ROOT
from flowdepth.report import style

PAGE = (ROOT / "docs" / "own_figure.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TABLES = ("metrics", "summary", "compared", "images", "history")
OTHERS = ("convergence", "certificate", "annealed", "gap_rows")
# Two of them: the second has the columns of a Normal likelihood, too.
STUDIES = ("digits", "digits_normal")


def in_code(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def columns(table: str) -> set[str]:
    """Return the columns of a table in the published studies."""
    folders = [ROOT / "results" / "reference" / study for study in STUDIES]
    return {name for folder in folders for name in getattr(flowdepth.results(folder), table)}


def test_examples_run_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(ROOT / "results")
    names: dict[str, object] = {}
    for text in BLOCKS:
        exec(text, names)  # noqa: S102
    written = {path.name for path in (tmp_path / "mine").iterdir()}
    forms = {f"median_by_depth.{form}" for form in style.FORMATS}
    assert written == {*forms, "median_in_a_column.pdf"}
    box = re.search(
        rb"/MediaBox \[ ?0 0 ([\d.]+)", Path("mine/median_in_a_column.pdf").read_bytes()
    )
    assert float(box[1]) == 72 * style.COLUMN


@pytest.mark.parametrize("table", TABLES)
def test_the_page_explains_every_column_and_no_other(table: str) -> None:
    part = re.search(rf"^### `{table}`:.*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)[0]
    first = [row.split("|")[1] for row in part.splitlines() if row.startswith("| `")]
    assert in_code(" ".join(first)) == columns(table)


@pytest.mark.parametrize("table", OTHERS)
def test_the_page_explains_every_column_of_the_estimator(table: str) -> None:
    rows = re.search(rf"^\| `{table}`,.*?(?=^\| `|^$)", PAGE, re.MULTILINE | re.DOTALL)[0]
    second = [row.split("|")[2] for row in rows.splitlines()]
    assert in_code(" ".join(second)) == columns(table)
