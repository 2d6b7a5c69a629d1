from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from drawn import formulas, overhang
from flowdepth.analysis.results import StudyResults
from flowdepth.base.errors import UserError
from flowdepth.report import pages, registry, style
from flowdepth.report.drawing import draw, write_figures
from flowdepth.report.figures import training, trust
from flowdepth.report.setting import set_table, write_tables
from flowdepth.report.typesetting import latex, markdown
from flowdepth.settings.study import Study
from flowdepth.study import layout

Fabricate = Callable[..., tuple[Study, list[Path]]]
Summarised = Callable[..., StudyResults]

CASES = {
    "plain": {},
    "one depth": {"depths": (4,)},
    "one seed": {"seeds": (3,)},
    "one depth, one seed": {"depths": (0,), "seeds": (3,)},
    "one failed seed": {"failed": [(4, 0)]},
    "one failed depth": {"failed": [(4, 0), (4, 1), (4, 2)]},
    "nothing but failures": {"depths": (0, 4), "seeds": (1,), "failed": [(0, 1), (4, 1)]},
    "twelve depths": {"depths": tuple(range(12))},
    "far apart": {"depths": (0, 1, 80)},
    "tall images": {"shape": (12, 5)},
    "no K = 0": {"depths": (2, 8), "seeds": (0, 1, 2, 3)},
}


def all_figures(results: StudyResults) -> dict[str, Figure]:
    return {one.name: draw(one, results) for one in registry.figures(results.study, "figures")}


@pytest.mark.parametrize("case", CASES)
def test_no_label_leaves_its_figure(summarised: Summarised, case: str) -> None:
    with style.visual_language():
        for figure in all_figures(summarised(**CASES[case])).values():
            assert overhang(figure) < 0.01


def test_formulas_of_our_own_are_set_as_mathematics(summarised: Summarised) -> None:
    with style.visual_language():
        found = [text for one in all_figures(summarised()).values() for text in formulas(one)]
    assert found
    assert all(text.get_parse_math() for text in found)


@pytest.mark.parametrize("name", ["convergence", "learning_curves"])
def test_k_0_is_known_without_colours(summarised: Summarised, name: str) -> None:
    lines = all_figures(summarised(depths=(0, 4)))[name].axes[0].lines
    bold = [line for line in lines if line.get_linewidth() > 1]
    assert [line.get_linestyle() == "--" for line in bold] == [True, False]


def test_figures_of_a_stage_are_written_in_every_form(
    summarised: Summarised, tmp_path: Path
) -> None:
    results = summarised(depths=(0, 4))
    written = [*write_figures("figures", results)]
    names = [one.name for one in registry.figures(results.study, "figures")]
    assert written == [path for name in names for path in layout.figure(tmp_path, name).values()]
    assert sorted((tmp_path / "figures").iterdir()) == sorted(written)


def fail(metrics: pd.DataFrame) -> Figure:
    raise ValueError(f"Contour levels must be <increasing> & {len(metrics)}")


def test_a_figure_that_cannot_be_drawn_says_so_in_its_place(
    summarised: Summarised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = summarised(depths=(0, 4))
    monkeypatch.setattr(training, "learning_curves", fail)
    monkeypatch.setattr(trust, "convergence", lambda: math.nan)  # nothing that can be saved
    assert {*write_figures("figures", results)} == {*(tmp_path / "figures").iterdir()}
    shown = {one.name: pages.figure(tmp_path, one) for one in registry.figures(results.study)}
    said = {name: figure["alternative"] for name, figure in shown.items()}
    drawn = {one.name: one.alternative for one in registry.figures(results.study)}
    assert {name for name in said if said[name] != drawn[name]} == {
        "learning_curves",
        "convergence",
    }
    reason = "(ValueError: Contour levels must be <increasing> & 6)"
    assert said["learning_curves"] == f"This figure could not be drawn {reason}"
    with style.visual_language():
        notice = style.notice(said["learning_curves"])
    assert overhang(notice) < 0
    assert "".join(notice.texts[0].get_text().split()) == "".join(said["learning_curves"].split())


def test_a_damaged_table_is_no_reason_to_go_on_without_a_figure(
    summarised: Summarised, tmp_path: Path
) -> None:
    results = summarised(depths=(0, 4))
    (tmp_path / "summary.csv").write_text("")
    with pytest.raises(UserError, match=r"summary\.csv: not a csv table"):
        [*write_figures("figures", results)]


def test_the_files_of_a_table_say_the_same(summarised: Summarised, tmp_path: Path) -> None:
    results = summarised()
    written = [*write_tables("tables", results)]
    tables = registry.tables(results.study, "tables")
    assert {*written} == {p for one in tables for p in layout.table(tmp_path, one.name).values()}
    for one in tables:
        table, files = set_table(one, results), layout.table(tmp_path, one.name)
        forms = {"md": markdown(table), "tex": latex(table), "csv": table.to_csv(index=False)}
        assert {form: path.read_text() for form, path in files.items()} == forms
