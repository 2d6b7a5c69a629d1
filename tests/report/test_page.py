from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.results import StudyResults
from flowdepth.base.errors import UserError
from flowdepth.report import registry, tables
from flowdepth.report.answer import answer
from flowdepth.report.page import page
from flowdepth.report.protocol import protocol
from flowdepth.settings.study import Study, read_study
from flowdepth.study import layout
from markup import Page, without_script
from tabled import finish, write_exact, write_gaps

Fabricate = Callable[..., tuple[Study, list[Path]]]
# The figures of a study without any optional part.
ALWAYS = registry.figures(
    read_study(
        {"name": "t", "depths": [0], "seeds": [0]}
        | {"gaps": {"images": 0}, "certify": {"images": 0}}
    )
)
EVERYTHING = {"gaps": {"images": 5}, "model": {"latent": 2}, "evaluate": {"exact": True}}
EVERYTHING |= {"certify": {"images": 5}}


@pytest.fixture
def finished(fabricate: Fabricate, tmp_path: Path) -> Callable[..., StudyResults]:
    """Give the function that fabricates what the page reads, optional parts included."""

    def make(**kwargs: object) -> StudyResults:
        study, packs = fabricate(**kwargs)
        write_gaps(study, packs)
        write_exact(packs)
        return finish(study, packs, tmp_path)

    return make


def html_of(results: StudyResults) -> str:
    data = json.loads(layout.outputs("describe", results.folder)["facts"].read_text())
    return page(results, {"data": data, "mixed": [], "settings": {}, "study": "t", "git": None})


def section(html: str, name: str) -> str:
    return html.split(f'<section id="{name}">')[1].split("</section>")[0]


def test_the_page_needs_nothing_but_itself(render: Callable[..., str]) -> None:
    html = render()
    found = Page(html)
    tags = [tag for tag, _ in found.tags]
    sources = [a["src"] for _, a in found.tags if "src" in a]
    assert tags.count("svg") >= len([figure for figure in ALWAYS if not figure.is_pixels])
    assert sources
    assert all(source.startswith("data:image/png;") for source in sources)
    assert all(a["href"].startswith(("#", "data:")) for _, a in found.tags if "href" in a)
    assert not {"link", "iframe"} & {*tags}
    assert tags.count("script") == 1
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html


def test_contents_lead_to_the_sections(render: Callable[..., str]) -> None:
    found = Page(render())
    links = [a for tag, a in found.tags if tag == "a" and "download" not in a]
    targets = [a["href"].removeprefix("#") for a in links][: len(registry.SECTIONS) - 3]
    # The answer opens the page, above the contents' first section.
    assert ["answer", *targets] == [a["id"] for tag, a in found.tags if tag == "section"]
    optional = ("posteriors", "published")
    assert ["answer", *targets] == [name for name in registry.SECTIONS if name not in optional]


def test_equations_are_mathml(render: Callable[..., str]) -> None:
    found = Page(render())
    assert [tag for tag, _ in found.tags].count("math") == 4
    assert "\\" not in found.text


def test_every_figure_has_words_for_those_who_cannot_see_it(render: Callable[..., str]) -> None:
    found = Page(render())
    drawn = [a for tag, a in found.tags if tag == "svg" and a["class"] == "lines"]
    alternatives = [a["aria-label"] for a in drawn] + [
        a["alt"] for t, a in found.tags if t == "img"
    ]
    assert len(drawn) == len([figure for figure in ALWAYS if not figure.is_pixels])
    assert all(alternatives)
    assert len({*alternatives}) == len(alternatives)
    assert all(figure.caption in found.text for figure in ALWAYS)


@pytest.mark.parametrize(("kind", "other"), [("planar", "radial"), ("radial", "planar")])
def test_the_page_speaks_of_the_study_s_flow_alone(
    render: Callable[..., str], kind: str, other: str
) -> None:
    # The code is cited by its own title, whatever the flow.
    text = Page(render(settings={"flow": kind}).split('<section id="citation">')[0]).text
    assert f"How deep should a {kind} flow be?" in text
    assert f"K {kind} layers" in text
    assert other not in text


def test_settings_cannot_smuggle_markup_into_the_page(render: Callable[..., str]) -> None:
    evil = "<script>alert(1)</script>"
    html = render(settings={"report": {"title": evil, "deviations": [evil]}})
    assert "<script" not in without_script(html)
    assert Page(html).text.count(evil) >= 3


def test_the_page_shows_answer_table_and_every_setting(
    render: Callable[..., str], tmp_path: Path
) -> None:
    text = Page(render()).text
    summary = pd.read_csv(tmp_path / "summary.csv")
    assert answer(summary, pd.read_csv(tmp_path / "comparisons.csv")) in text
    assert tables.nll_by_depth(summary)["NLL [95 %]"][1] in text
    settings = json.loads((tmp_path / "provenance.json").read_text())["settings"]
    told = [path for pairs in protocol(Study.model_validate(settings)) for path, _ in pairs]
    assert {"depths", "training.epochs", "report.title"} < {*told}
    assert [path for path in told if path not in text] == []


def test_a_published_number_stands_beside_its_protocol(render: Callable[..., str]) -> None:
    number = {"label": "VAE+NF", "depth": 4, "nll": 85.1, "spread": 0.1, "bound": True}
    origin = {"source": "Somebody 2015", "quoted": "from memory", "protocol": "MNIST, S = 200"}
    settings = {"report": {"published": [number | origin], "deviations": ["Other images."]}}
    html = render(settings=settings)
    own = re.search(r"<tr[^>]*><td>4</td><td>[^<]*</td><td>([^<]*)</td>", html)[1]
    shown = section(html, "published")
    assert re.findall("<td>(.*?)</td>", shown) == [
        *("VAE+NF", "4", "≤ 85.1 ± 0.1", own, "MNIST, S = 200", "Somebody 2015 (from memory)")
    ]
    assert "<li>Other images.</li>" in shown


def test_the_page_tells_of_the_limits_of_the_images(render: Callable[..., str]) -> None:
    text = Page(render()).text
    assert "2 of 359 (0.6 %) test images are, pixel for pixel, training images too" in text
    assert "3 of 64 (4.7 %) pixels have one value in all training images" in text


def test_a_failed_seed_is_named_with_its_reason(render: Callable[..., str]) -> None:
    text = Page(render(failed=[(4, 1)])).text
    assert "K = 4, seed 1: non-finite loss in epoch 7" in text
    assert "1 of 9 trainings failed" in text


def test_failures_are_counted_wherever_they_are_left_out(
    render: Callable[..., str], tmp_path: Path
) -> None:
    text = Page(render(failed=[(4, 1), (1, 0)])).text
    assert "2 of 9 trainings failed" in text
    assert "2 (1 failed)" in text
    seeds = pd.read_csv(tmp_path / "comparisons.csv").query("kind == 'neighbour' and depth == 4")
    assert seeds[["seeds", "failed"]].to_numpy().tolist() == [[1, 2]]


def test_the_study_is_cited_by_its_name(render: Callable[..., str]) -> None:
    assert "@misc{flowdepth-digits," in Page(render()).text


def test_the_cost_of_a_depth_is_that_of_its_own_jobs(render: Callable[..., str]) -> None:
    html = section(render(gain=0.5), "cost")
    rows = [re.findall(r"<td>(.*?)</td>", line) for line in html.splitlines() if "<td>" in line]
    shared = ["210", "cpu"]
    assert [row[:-1] for row in rows] == [
        ["0", "110,000", "60.0", "12.0", *shared],
        ["1", "113,417", "61.0", "13.0", *shared],
        ["4", "123,668", "64.0", "16.0", *shared],
    ]


OPTIONAL = {
    "Estimate against quadrature": {"model": {"latent": 1}, "evaluate": {"exact": True}},
    "The inference gap, split": {"gaps": {"images": 5}},
    "The bias of importance sampling": {"certify": {"images": 5}},
    "Posteriors": {"model": {"latent": 2}},
}


def leave_stray_files(results: StudyResults) -> None:
    """Leave every figure and table that an earlier run with other settings may have written."""
    for figure in registry.FIGURES:
        for path in layout.figure(results.folder, figure.name).values():
            path.write_text(f"<svg><!-- {figure.name} --></svg>")
    for table in registry.TABLES:
        path = layout.table(results.folder, table.name)["csv"]
        if not path.exists():
            path.write_text("K,gap\n0,1.25 [1.1; 1.4]\n")


@pytest.mark.parametrize("settings", [{}, *OPTIONAL.values()], ids=["none", *OPTIONAL])
def test_the_settings_alone_decide_on_the_optional_sections(
    finished: Callable[..., StudyResults], settings: dict[str, object]
) -> None:
    results = finished(depths=(0, 4), settings=settings)
    leave_stray_files(results)
    text = Page(html_of(results)).text
    wanted = {title for title, needs in OPTIONAL.items() if needs == settings}
    assert {title for title in OPTIONAL if title in text} == wanted
    found = sum(f"Figure {i}." in text for i in range(1, 20))
    assert found == len(registry.figures(results.study))


@pytest.mark.parametrize(
    "path",
    [
        *("figures/elbo_and_nll.svg", "figures/inference_gap.svg", "figures/manifold.png"),
        *("tables/inference_gap.csv", "tables/exact.csv", "summary.csv"),
    ],
)
def test_a_missing_file_is_named(finished: Callable[..., StudyResults], path: str) -> None:
    results = finished(depths=(0, 4), settings=EVERYTHING)
    (results.folder / path).unlink()
    with pytest.raises(UserError, match=f"{path}: missing"):
        html_of(StudyResults(results.study, results.folder))


def shown_in(html: str) -> list[str]:
    return re.findall(r'<figure id="(.*?)">', html)


def test_figures_are_numbered_as_the_page_shows_them(
    finished: Callable[..., StudyResults],
) -> None:
    html = html_of(finished(depths=(0, 4), settings=EVERYTHING))
    numbers = [int(number) for number in re.findall(r"<strong>Figure (\d+)\.</strong>", html)]
    assert numbers == [*range(1, len(registry.FIGURES) + 1)]
    assert sorted(shown_in(html)) == sorted(figure.name for figure in registry.FIGURES)


def test_every_figure_is_in_its_section(finished: Callable[..., StudyResults]) -> None:
    html = html_of(finished(depths=(0, 4), settings=EVERYTHING))
    for figure in registry.FIGURES:
        assert figure.name in shown_in(section(html, figure.section))


@pytest.mark.parametrize("home", ["answer", "trust", "limits"])
def test_a_figure_that_no_template_names_ends_its_section(
    finished: Callable[..., StudyResults], monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    new = dataclasses.replace(registry.FIGURES[0], name="new", section=home)
    monkeypatch.setattr(registry, "FIGURES", (new, *registry.FIGURES))
    html = html_of(finished(settings=EVERYTHING))
    here = section(html, home)
    assert shown_in(here)[-1] == "new"
    assert here.rstrip().endswith("</figure>")
    numbers = re.findall(r"<strong>Figure (\d+)\.</strong>", html)
    assert numbers == [str(i + 1) for i in range(len(registry.FIGURES))]


def test_a_table_that_no_template_names_ends_its_section(
    finished: Callable[..., StudyResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = next(table for table in registry.TABLES if table.name == "errors")
    new = dataclasses.replace(errors, name="new", section="limits", caption="New it is.")
    monkeypatch.setattr(tables, "new", tables.errors, raising=False)
    monkeypatch.setattr(registry, "TABLES", (new, *registry.TABLES))
    here = section(html_of(finished()), "limits")
    assert re.search(r"</ul>\s*<div.*</table>\s*</div>\s*<p>New it is.</p>\s*$", here, re.DOTALL)


def test_a_certified_page_rests_on_corrected_numbers(
    finished: Callable[..., StudyResults],
) -> None:
    bias = {0: 2.0, 1: 1.5, 4: 1.0}
    results = finished(bias=bias, doubtful=[0, 1, 4], gain=0.5)
    text = " ".join(Page(html_of(results)).text.split())
    assert f"test NLL, {results.summary['nll_mean'].min():.3f} nats" in text
    assert re.search(r"the estimator's share of the gain is \+1\.00\d* nats", text)
    assert "Four errors of a depth's mean NLL" in text
    assert "cannot rank" not in text
    assert "†" not in text
    assert "The certificate itself is loose" not in text


def test_doubtful_weights_raise_a_warning(render: Callable[..., str]) -> None:
    text = " ".join(Page(render(doubtful=[1, 4])).text.split())
    assert "Pareto shape is above 0.7 at K = 1 (10.0 %) and K = 4 (10.0 %)" in text
    assert "marks an estimate that the warning above is about" in text


def test_sound_weights_raise_no_warning(render: Callable[..., str]) -> None:
    assert "Warning" not in Page(render()).text


def test_depths_that_are_not_the_best_are_grey(render: Callable[..., str]) -> None:
    grey = re.findall(r'<tr class="grey"><td>(\d+)</td>', render(gain=0.5))
    assert grey == ["0", "1"]


def test_no_depth_is_grey_by_chance(render: Callable[..., str]) -> None:
    html = render(gain=0.0)
    assert 'class="grey"' not in html
    assert "No row is grey" in Page(html).text
