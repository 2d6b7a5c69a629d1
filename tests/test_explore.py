"""The notebook docs/explore.ipynb, its cells run from top to bottom."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from matplotlib import pyplot as plt

from checkout import ROOT

NOTEBOOK = nbformat.read(ROOT / "docs" / "explore.ipynb", as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cells name, each run where the notebook lies."""
    monkeypatch.chdir(ROOT / "docs")
    plt.switch_backend("agg")
    found: dict[str, Any] = {}
    for cell in CODE:
        exec(cell.source, found)  # noqa: S102
    found["figures"] = [plt.figure(number) for number in plt.get_fignums()]
    plt.close("all")
    return found


def test_the_notebook_shows_what_the_study_found(names: dict[str, Any]) -> None:
    vanilla = names["vanilla"]
    assert len(vanilla) == len(names["depths"]) - 1
    # Estimates of single images are kept rounded, to two digits of their error.
    assert names["difference"].mean() == pytest.approx(vanilla["image_mean"][16], abs=1e-3)
    assert (names["difference"] < 0).mean() == pytest.approx(vanilla["image_share_improved"][16])


def test_the_notebook_draws_three_figures(names: dict[str, Any]) -> None:
    assert len(names["figures"]) == 3
    for figure in names["figures"]:
        assert figure.axes[0].has_data()
        assert "nats" in figure.axes[0].get_ylabel() + figure.axes[0].get_xlabel()


def test_the_notebook_is_kept_without_outputs() -> None:
    nbformat.validate(NOTEBOOK)
    assert not [cell for cell in CODE if cell.outputs or cell.execution_count]
