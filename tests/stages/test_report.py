from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from flowdepth import style
from flowdepth.answer import answer, remarks
from flowdepth.config import Study, flat_settings
from flowdepth.errors import UserError
from flowdepth.provenance import git
from flowdepth.stages import figures, report, tables
from flowdepth.stages.summarise import metrics_table, summary_table

Fabricate = Callable[..., tuple[Study, list[Path]]]
CAPTIONS = Path(__file__).parents[2] / "workflow" / "report"


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def finish(study: Study, packs: list[Path], root: Path) -> None:
    """Write what the report reads."""
    metrics = metrics_table(study, packs)
    summary = summary_table(metrics)
    metrics.to_csv(root / "metrics.csv", index=False)
    summary.to_csv(root / "summary.csv", index=False)
    (root / "tables").mkdir()
    tables.table(summary).to_csv(root / "tables" / "nll_by_depth.csv", index=False)
    with style.visual_language():
        for name, figure in figures.draw(study, packs, metrics, summary):
            style.save(figure, root / "figures", name)


@pytest.fixture
def render(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Give the function that fabricates results and returns the report's HTML."""

    def write(**kwargs: object) -> str:
        study, packs = fabricate(**kwargs)
        finish(study, packs, tmp_path)
        command = ["--settings", study.canonical(), "--results", str(tmp_path)]
        files = [f"--{name}={tmp_path / file}" for name, file in OUTPUTS.items()]
        monkeypatch.setattr(sys, "argv", ["report", *command, *files])
        report.main()
        return (tmp_path / "report.html").read_text()

    return write


OUTPUTS = {"output": "report.html", "provenance": "provenance.json"}


def test_page_needs_nothing_but_itself(render: Callable[..., str]) -> None:
    html = render()
    page = Page(html)
    sources = [a[key] for _, a in page.tags for key in ("src", "href") if key in a]
    assert len(sources) == len(report.CAPTIONS)
    assert all(source.startswith("data:image/") for source in sources)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html


def test_every_figure_has_words_for_those_who_cannot_see_it(render: Callable[..., str]) -> None:
    page = Page(render())
    alternatives = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(set(alternatives)) == len(report.CAPTIONS)
    assert all(caption in page.text for caption in report.CAPTIONS.values())


def test_settings_cannot_smuggle_markup_into_the_page(render: Callable[..., str]) -> None:
    evil = "<script>alert(1)</script>"
    html = render(settings={"report": {"title": evil}, "dataset": {"root": evil}})
    assert "<script" not in html
    assert Page(html).text.count(evil) >= 3


def test_page_shows_answer_table_and_every_setting(
    render: Callable[..., str], tmp_path: Path
) -> None:
    text = Page(render()).text
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert answer(summary) in text
    assert tables.table(summary)["NLL [95 %]"][1] in text
    settings = json.loads((tmp_path / "provenance.json").read_text())["settings"]
    paths = [path for path, _ in flat_settings(Study.model_validate(settings))]
    assert [path for path in paths if path not in text] == []


def test_failed_seed_is_named_with_its_reason(render: Callable[..., str]) -> None:
    text = Page(render(failed=[(4, 1)])).text
    assert "K = 4, seed 1: non-finite loss in epoch 7" in text
    assert "1 of 9 trainings failed" in text


def test_same_data_gives_the_same_bytes(render: Callable[..., str], tmp_path: Path) -> None:
    render()
    first = [(tmp_path / name).read_bytes() for name in OUTPUTS.values()]
    report.main()
    assert [(tmp_path / name).read_bytes() for name in OUTPUTS.values()] == first


def test_provenance_adds_up_and_names_the_data(render: Callable[..., str], tmp_path: Path) -> None:
    text = Page(render()).text
    facts = json.loads((tmp_path / "provenance.json").read_text())
    assert facts["seconds"] == {"train": 3 * (60 + 61 + 64), "evaluate": 3 * (12 + 13 + 16)}
    assert facts["devices"] == ["cpu"]
    assert facts["packages"]["torch"] in text
    assert facts["data"]["sha256"]["test"] in text


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git() is None


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_only_changes_of_the_code_make_the_tree_dirty(tmp_path: Path) -> None:
    code, result = tmp_path / "src" / "code.py", tmp_path / "results" / "summary.csv"
    for path in (code, result):
        path.parent.mkdir()
        path.write_text("before")
    person = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*person, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    assert git(code.parent)["dirty"] is False
    result.write_text("after")
    assert git(code.parent)["dirty"] is False
    code.write_text("after")
    assert git(code.parent)["dirty"] is True


def test_missing_figure_is_named(
    fabricate: Fabricate, render: Callable[..., str], tmp_path: Path
) -> None:
    render()
    (tmp_path / "figures" / "elbo_and_nll.svg").unlink()
    with pytest.raises(UserError, match=r"elbo_and_nll.svg: missing"):
        report.main()


@pytest.mark.parametrize("name", report.CAPTIONS)
def test_snakemake_s_report_has_the_same_captions(name: str) -> None:
    words = (CAPTIONS / f"{name}.rst").read_text().split()
    assert " ".join(words) == report.CAPTIONS[name]


def test_every_figure_has_a_caption(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0,))
    metrics = metrics_table(study, packs)
    drawn = [name for name, _ in figures.draw(study, packs, metrics, summary_table(metrics))]
    assert drawn == list(report.CAPTIONS) == list(report.ALTERNATIVES)


def summary_row(depth: int, nll: float, low: float, high: float, seeds: int = 5) -> dict:
    interval = {"mean": (low + high) / 2, "low": low, "high": high}
    level = {"nll_mean": nll, "nll_low": nll - 0.1, "nll_high": nll + 0.1}
    difference = {f"nll_difference_{part}": value for part, value in interval.items()}
    return {"depth": depth, "seeds": seeds, "failed": 0, **level, **difference}


NONE = float("nan")
VANILLA = summary_row(0, 22.0, NONE, NONE)


def test_answer_names_the_best_depth_and_its_interval() -> None:
    rows = [VANILLA, summary_row(4, 21.7, -0.4, -0.2), summary_row(8, 21.8, -0.3, 0.1)]
    sentence = answer(pd.DataFrame(rows))
    assert sentence.startswith("K = 4 has the lowest mean test NLL, 21.70 nats over 5 seeds")
    assert "−0.30 nats (95 % interval −0.40 to −0.20)" in sentence
    assert "no difference" not in sentence
    assert remarks(pd.DataFrame(rows))[0].endswith("K = 4.")


def test_answer_claims_no_difference_that_no_interval_shows() -> None:
    rows = [VANILLA, summary_row(4, 21.9, -0.4, 0.2), summary_row(8, 21.95, -0.3, 0.2)]
    assert "no difference shown at this size" in answer(pd.DataFrame(rows))


def test_answer_may_be_that_depth_does_harm() -> None:
    rows = [VANILLA, summary_row(4, 22.5, 0.4, 0.6)]
    assert answer(pd.DataFrame(rows)).startswith("K = 0, the vanilla VAE, has the lowest")
    assert "no difference" not in answer(pd.DataFrame(rows))
    assert remarks(pd.DataFrame(rows)) == ["Above K = 0 by an interval that excludes 0: K = 4."]


def test_answer_from_one_seed_gives_no_interval(fabricate: Fabricate) -> None:
    sentence = answer(summary_table(metrics_table(*fabricate(seeds=(0,)))))
    assert "with one seed no interval can be given" in sentence
    assert "nan" not in sentence


def test_answer_without_k_0_compares_nothing(fabricate: Fabricate) -> None:
    sentence = answer(summary_table(metrics_table(*fabricate(depths=(1, 4)))))
    assert "without K = 0 there is nothing to compare" in sentence


def test_answer_where_everything_failed(fabricate: Fabricate) -> None:
    failed = [(depth, seed) for depth in (0, 4) for seed in (0, 1)]
    summary = summary_table(metrics_table(*fabricate(depths=(0, 4), seeds=(0, 1), failed=failed)))
    assert answer(summary) == "No training finished, so there is no answer."
    assert remarks(summary) == ["4 of 4 trainings failed and are left out of every mean."]
