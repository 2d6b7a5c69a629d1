from __future__ import annotations

import inspect
import io
from importlib import import_module
from pathlib import Path

import pytest
from docutils.core import publish_doctree

from flowdepth.analysis.results import StudyResults
from flowdepth.report import registry, style, tables
from flowdepth.report.figures.posteriors import PosteriorResults
from flowdepth.report.registry import Figure, Table
from flowdepth.settings.study import Study, read_study
from flowdepth.study.layout import FIGURE_FORMS

EXHIBITS = (*registry.FIGURES, *registry.TABLES)
NAMED = [f"{type(one).__name__.lower()} {one.name}" for one in EXHIBITS]
EVERYTHING = {
    **{"gaps": {"images": 5}, "model": {"latent": 2}, "evaluate": {"exact": True}},
    "certify": {"images": 5},
    "report": {
        "published": [
            {"label": "a", "nll": 80.0, "source": "b", "quoted": "from memory", "protocol": "c"}
        ]
    },
}


def study(**settings: object) -> Study:
    short = {"gaps": {"images": 0}, "certify": {"images": 0}}
    return read_study({"name": "t", "depths": [0], "seeds": [0]} | short | settings)


def wanted(function: object) -> set[str]:
    return {*inspect.signature(function).parameters}


def offered(results: type[StudyResults]) -> set[str]:
    return {*dir(results(study(), Path()))}


@pytest.mark.parametrize("figure", registry.FIGURES, ids=lambda figure: figure.name)
def test_every_figure_is_drawn_from_attributes_of_the_results(figure: Figure) -> None:
    module = import_module(f"flowdepth.report.figures.{figure.module}")
    results = PosteriorResults if figure.stage == "posteriors" else StudyResults
    assert wanted(getattr(module, figure.name)) <= offered(results)


@pytest.mark.parametrize("table", registry.TABLES, ids=lambda table: table.name)
def test_every_table_is_set_from_attributes_of_the_results(table: Table) -> None:
    assert wanted(getattr(tables, table.name)) <= offered(StudyResults)


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=NAMED)
def test_a_caption_reads_the_same_as_restructuredtext(exhibit: Figure | Table) -> None:
    heard = io.StringIO()
    settings = {"report_level": 1, "halt_level": 5, "warning_stream": heard}
    shown = publish_doctree(exhibit.caption, settings_overrides=settings)
    assert heard.getvalue() == ""
    assert shown.astext() == exhibit.caption


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=NAMED)
def test_every_exhibit_has_a_section_and_words(exhibit: Figure | Table) -> None:
    assert exhibit.section in registry.SECTIONS
    spoken = exhibit.alternative if isinstance(exhibit, Figure) else exhibit.title
    for text in (exhibit.caption, spoken):
        assert text == " ".join(text.split()) != ""
    assert exhibit.caption.endswith(".")


def test_no_two_exhibits_share_a_name_caption_or_file() -> None:
    for registered in (registry.FIGURES, registry.TABLES):
        for attribute in ("name", "caption"):
            values = [getattr(one, attribute) for one in registered]
            assert len({*values}) == len(values)


def test_exhibits_come_in_the_order_of_their_sections() -> None:
    order = [*registry.SECTIONS]
    for registered in (registry.FIGURES, registry.TABLES):
        places = [order.index(one.section) for one in registered]
        assert places == sorted(places)


def test_a_study_has_the_exhibits_that_its_settings_ask_for() -> None:
    plain, whole = study(), study(**EVERYTHING)
    assert registry.figures(whole) == [*registry.FIGURES]
    assert registry.tables(whole) == [*registry.TABLES]
    optional = {"certificate", "inference_gap", "posteriors", "latent_space", "manifold"}
    assert {one.name for one in registry.FIGURES} - {
        one.name for one in registry.figures(plain)
    } == optional
    assert {one.name for one in registry.TABLES} - {one.name for one in registry.tables(plain)} == {
        "certificate",
        "estimators",
        "exact",
        "inference_gap",
        "published",
    }


def test_every_figure_is_drawn_by_one_stage() -> None:
    whole = study(**EVERYTHING)
    stages = ("figures", "gap_figures", "posteriors")
    drawn = [one.name for stage in stages for one in registry.figures(whole, stage)]
    assert sorted(drawn) == sorted(one.name for one in registry.FIGURES)


def test_figures_are_written_in_the_forms_of_the_layout() -> None:
    assert style.FORMATS == FIGURE_FORMS


def stamped(stage: str, **sections: object) -> set[str]:
    return {word.split("@")[0] for word in registry.code(study(**sections), stage).split()}


def test_code_of_a_stage_is_that_of_its_figures_captions_and_templates() -> None:
    drawn = "flowdepth.report.figures."
    assert f"{drawn}posteriors" in stamped("posteriors", **EVERYTHING)
    assert f"{drawn}images" not in stamped("paper")
    assert stamped("paper") >= {f"{drawn}trust", "report/templates/paper.tex"}
    assert stamped("report") >= {"flowdepth.report.registry", "report/templates/sections"}
    assert not {word for word in stamped("train") if "report" in word}
