from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.base.errors import UserError
from flowdepth.report import captions
from flowdepth.report.answer import answer, may_be_best, remarks, warning
from flowdepth.settings.sections import flat
from flowdepth.settings.study import Study, read_study
from flowdepth.stages import figures, report, tables
from helpers import leave_pack_provenance
from tabled import OUTPUTS, finish

Fabricate = Callable[..., tuple[Study, list[Path]]]
REPORT = Path(__file__).parents[2] / "workflow" / "report"


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
        self.text += data.replace("\u00a0", " ")


def data_facts(root: Path) -> dict[str, object]:
    data = json.loads((root / "data" / "dataset.json").read_text())
    return {"data": data, "mixed": [], "settings": {}, "study": "digits", "git": None}


def test_page_needs_nothing_but_itself(render: Callable[..., str]) -> None:
    html = render()
    page = Page(html)
    sources = [a["src"] for _, a in page.tags if "src" in a]
    assert len(sources) == len(captions.ALWAYS)
    assert all(source.startswith("data:image/") for source in sources)
    assert all(a["href"].startswith("#") for _, a in page.tags if "href" in a)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html


def test_contents_lead_nowhere(render: Callable[..., str]) -> None:
    page = Page(render())
    targets = [a["href"].removeprefix("#") for tag, a in page.tags if tag == "a"]
    assert targets == [a["id"] for tag, a in page.tags if tag == "section"]
    assert targets == [name for name in report.SECTIONS if name not in ("posteriors", "published")]


def test_equations_stay_latex(render: Callable[..., str]) -> None:
    page = Page(render())
    assert [tag for tag, _ in page.tags].count("math") == 4
    assert "\\" not in page.text


def test_every_figure_has_words_for_those_who_cannot_see_it(render: Callable[..., str]) -> None:
    page = Page(render())
    alternatives = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(set(alternatives)) == len(captions.ALWAYS)
    assert all(captions.CAPTIONS[name] in page.text for name in captions.ALWAYS)


@pytest.mark.parametrize(("kind", "other"), [("planar", "radial"), ("radial", "planar")])
def test_page_speaks_of_another_flow(render: Callable[..., str], kind: str, other: str) -> None:
    # The code is cited by its own title, whatever the flow.
    text = Page(render(settings={"flow": kind}).split('<section id="citation">')[0]).text
    assert f"How deep should a {kind} flow be?" in text
    assert f"K {kind} layers" in text
    assert other not in text


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
    assert answer(summary, pd.read_csv(tmp_path / "comparisons.csv")) in text
    assert tables.nll_by_depth(summary)["NLL [95 %]"][1] in text
    settings = json.loads((tmp_path / "provenance.json").read_text())["settings"]
    paths = [path for path, _ in flat(settings)]
    assert {"depths", "training.epochs", "report.title"} < {*paths}
    assert [path for path in paths if path not in text] == []


def test_published_number_stands_without_its_protocol(render: Callable[..., str]) -> None:
    number = {"label": "VAE+NF", "depth": 4, "nll": 85.1, "spread": 0.1, "bound": True}
    origin = {"source": "Somebody 2015", "quoted": "from memory", "protocol": "MNIST, S = 200"}
    settings = {"report": {"published": [number | origin], "deviations": ["Other images."]}}
    page = render(settings=settings)
    own = re.search(r"<tr[^>]*><td>4</td>(?:<td>[^<]*</td>){2}<td>([^<]*)</td>", page)[1]
    html = page.split('<section id="published">')[1].split("</section>")[0]
    assert re.findall("<td>(.*?)</td>", html) == [
        *("VAE+NF", "4", "≤ 85.1 ± 0.1", own, "MNIST, S = 200", "Somebody 2015 (from memory)")
    ]
    assert "<li>Other images.</li>" in html


def test_limits_of_the_images_are_kept_from_the_reader(render: Callable[..., str]) -> None:
    text = Page(render()).text
    assert "2 of 359 (0.6 %) test images are, pixel for pixel, training images too" in text
    assert "3 of 64 (4.7 %) pixels have one value in all training images" in text


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
    assert facts["versions"]["torch"] in text
    assert facts["data"]["sha256"]["test"] in text


def test_study_is_cited_without_its_name(render: Callable[..., str]) -> None:
    assert "@misc{flowdepth-digits," in Page(render()).text


def test_missing_figure_is_named(
    fabricate: Fabricate, render: Callable[..., str], tmp_path: Path
) -> None:
    render()
    (tmp_path / "figures" / "elbo_and_nll.svg").unlink()
    with pytest.raises(UserError, match=r"elbo_and_nll.svg: missing"):
        report.main()


def test_damaged_figure_or_table_is_shown(render: Callable[..., str], tmp_path: Path) -> None:
    render()
    for name in ("figures/weights.svg", "tables/errors.csv", "summary.csv", "data/dataset.json"):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(UserError, match=f"{name}: damaged or another file"):
            report.main()
        path.write_bytes(whole)


@pytest.mark.parametrize("mixed", ["refuse", "allow"])
def test_packs_are_mixed_silently(
    render: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mixed: str
) -> None:
    render()
    study = read_study({"name": "digits", "depths": (0, 1, 4), "seeds": (0, 1, 2)})
    leave_pack_provenance(tmp_path / "K4" / "seeds0-2", study, 4, (0, 1, 2), device="cuda")
    settings = study.model_dump(mode="json") | {"report": {"mixed": mixed}, "gaps": {"images": 0}}
    at = sys.argv.index("--settings") + 1
    monkeypatch.setattr(sys, "argv", [*sys.argv[:at], json.dumps(settings), *sys.argv[at + 1 :]])
    words = "train: device is cpu in .*K0/seeds0-2/train.provenance.json, .*; cuda in .*K4/seeds0-2"
    if mixed == "refuse":
        with pytest.raises(UserError, match=words):
            report.main()
        return
    report.main()
    text = Page((tmp_path / "report.html").read_text()).text
    assert re.search(words, text)
    assert "which report.mixed allowed" in " ".join(text.split())


def test_cost_table_shows_another_depth_s_seconds(render: Callable[..., str]) -> None:
    html = render(gain=0.5).split('<section id="cost">')[1].split("</section>")[0]
    rows = [re.findall(r"<td>(.*?)</td>", line) for line in html.splitlines() if "<td>" in line]
    shared = ["210", "cpu"]
    assert [row[:-1] for row in rows] == [
        ["0", "110000", "60.0", "12.0", *shared],
        ["1", "113417", "61.0", "13.0", *shared],
        ["4", "123668", "64.0", "16.0", *shared],
    ]


def test_nat_has_a_price_where_no_gain_is_shown() -> None:
    seconds = {"depth": [0, 4, 8, 16], "train_seconds": [10.0, 12.0, 14.0, 18.0]}
    rest = {"evaluate_seconds": 1.0, "peak_memory_mb": 1.0, "device": "cpu"}
    summary = pd.DataFrame({"depth": [0, 4, 8, 16], "parameters": 1})
    compared = [
        against(0, 4, -0.6, -0.4, 0.01),  # half a nat for two seconds
        against(0, 8, -0.6, -0.4, 0.2),
        against(0, 16, 0.4, 0.6, 0.01),
    ]
    table = tables.costs(pd.DataFrame({**seconds, **rest}), summary, pd.DataFrame(compared))
    assert table["seconds more per nat gained"].tolist() == ["", "4", "", ""]


@pytest.mark.parametrize("name", captions.CAPTIONS)
def test_snakemake_s_report_has_the_same_captions(name: str) -> None:
    words = (REPORT / f"{name}.rst").read_text().split()
    assert " ".join(words) == captions.CAPTIONS[name]


def test_every_figure_has_a_caption(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0,))
    numbers = study_tables(study, packs)
    del numbers["comparisons"]
    drawn = [name for name, _ in figures.draw(study, packs, **numbers)]
    assert drawn == list(captions.ALWAYS)
    assert list(captions.CAPTIONS) == list(captions.ALTERNATIVES)


def leave_optional_files(root: Path, packs: list[Path]) -> None:
    """Write what the optional stages write."""
    for name in (*captions.GAPS, *captions.POSTERIORS):
        for kind in ("svg", "png"):
            (root / "figures" / f"{name}.{kind}").write_text(f"<svg><!-- {name} --></svg>")
    (root / "tables" / "inference_gap.csv").write_text("K,gap\n0,1.25 [1.1; 1.4]\n")
    numbers = {"exact_nll": 22.3, "exact_error": 1e-8, "nll": 22.31, "nll_mcse": 0.004}
    numbers |= {"difference": 0.01, "difference_in_mcse": 2.5, "worst_image_in_mcse": 3.1}
    for pack in packs:
        pd.DataFrame([{"seed": 0, **numbers}]).to_csv(pack / "exact.csv", index=False)


OPTIONAL = {
    "Estimate against quadrature": {"model": {"latent": 1}, "evaluate": {"exact": True}},
    "The inference gap, split": {"gaps": {"images": 5}},
    "Posteriors": {"model": {"latent": 2}},
}


@pytest.mark.parametrize("settings", [{}, *OPTIONAL.values()], ids=["none", *OPTIONAL])
def test_stray_file_makes_a_section(
    fabricate: Fabricate, tmp_path: Path, settings: dict[str, object]
) -> None:
    study, packs = fabricate(depths=(0, 4), settings=settings)
    finish(study, packs, tmp_path)
    leave_optional_files(tmp_path, packs)
    text = Page(report.page(study, tmp_path, packs, data_facts(tmp_path))).text
    wanted = {title for title, needs in OPTIONAL.items() if needs == settings}
    assert {title for title in OPTIONAL if title in text} == wanted
    found = sum(f"Figure {i}." in text for i in range(1, 20))
    assert found == len(captions.ALWAYS) + len(captions.optional_figures(study))


def test_section_without_its_files_is_announced(fabricate: Fabricate, tmp_path: Path) -> None:
    everything = {"gaps": {"images": 5}, "model": {"latent": 2}, "evaluate": {"exact": True}}
    study, packs = fabricate(depths=(0, 4), settings=everything)
    finish(study, packs, tmp_path)
    text = Page(report.page(study, tmp_path, packs, data_facts(tmp_path))).text
    assert not [title for title in OPTIONAL if title in text]


def test_doubtful_weights_go_without_a_warning(render: Callable[..., str]) -> None:
    text = " ".join(Page(render(doubtful=[1, 4])).text.split())
    assert "Pareto shape is above 0.7 at K = 1 (10.0 %) and K = 4 (10.0 %)" in text
    assert "marks an estimate that the warning above is about" in text


def test_sound_weights_raise_a_warning(render: Callable[..., str]) -> None:
    assert "Warning" not in Page(render()).text


def test_too_few_samples_raise_a_warning() -> None:
    rows = [summary_row(0, 22.0) | {"k_hat_share_mean": NONE}]
    assert warning(pd.DataFrame(rows)) == ""


NONE = float("nan")


def summary_row(depth: int, nll: float, seeds: int = 5) -> dict:
    level = {"nll_mean": nll, "nll_low": nll - 0.1, "nll_high": nll + 0.1}
    return {"depth": depth, "seeds": seeds, "failed": 0, **level, "k_hat_share_mean": 0.0}


def against(reference: int, depth: int, low: float, high: float, p: float) -> dict:
    kind = "neighbour" if reference else "vanilla"
    place = {"kind": kind, "reference": reference, "depth": depth, "seeds": 5, "failed": 0}
    return {**place, "mean": (low + high) / 2, "low": low, "high": high, "p": p / 2, "p_holm": p}


def words(*comparisons: dict, nll: tuple[float, ...] = (22.0, 21.7, 21.8)) -> tuple[str, str]:
    """Return answer and remarks for depths 0, 4 and 8."""
    rows = [summary_row(depth, level) for depth, level in zip((0, 4, 8), nll, strict=True)]
    tables = pd.DataFrame(rows), pd.DataFrame(comparisons)
    return answer(*tables), " ".join(remarks(*tables))


def test_answer_names_another_depth_or_interval() -> None:
    sentence, more = words(against(0, 4, -0.4, -0.2, 0.004), against(0, 8, -0.3, 0.1, 0.2))
    assert sentence.startswith("K = 4 has the lowest mean test NLL, 21.70 nats over 5 seeds")
    assert (
        "−0.30 nats (95 % interval −0.40 to −0.20; p = 0.004, corrected for 2 comparisons)"
        in sentence
    )
    assert "no difference" not in sentence
    assert "Shown to be below K = 0: K = 4." in more


def test_answer_claims_what_holm_s_correction_takes_back() -> None:
    # The interval excludes 0; among two comparisons that is not enough.
    sentence, more = words(against(0, 4, -0.4, -0.01, 0.08), against(0, 8, -0.3, 0.1, 0.2))
    assert "no difference shown at this size" in sentence
    assert "no depth's p-value, corrected for 2 comparisons, is below 0.05" in sentence
    assert "Shown to be" not in more


def test_answer_hides_that_depth_does_harm() -> None:
    harm = against(0, 4, 0.4, 0.6, 0.001), against(0, 8, 0.1, 0.3, 0.01)
    sentence, more = words(*harm, nll=(22.0, 22.5, 22.2))
    assert sentence.startswith("K = 0, the vanilla VAE, has the lowest")
    assert "no difference" not in sentence
    assert "Shown to be above K = 0: K = 4 and 8." in more


def test_step_between_depths_is_claimed_without_its_p_value() -> None:
    rows = against(0, 4, -0.4, -0.2, 0.001), against(4, 8, -0.1, 0.1, 0.5)
    first = rows[0] | {"kind": "neighbour"}
    assert "shown to change the NLL: from 0 to 4 (lower)." in words(*rows, first)[1]
    none = first | {"p_holm": 0.2}
    assert "No step between neighbouring depths" in words(*rows, none)[1]


def of(results: tuple[Study, list[Path]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    numbers = study_tables(*results)
    return numbers["summary"], numbers["comparisons"]


def test_answer_from_one_seed_gives_an_interval(fabricate: Fabricate) -> None:
    numbers = of(fabricate(seeds=(0,)))
    sentence, more = answer(*numbers), " ".join(remarks(*numbers))
    assert "with one seed no interval can be given" in sentence
    assert "shows only between seeds" in more
    assert "nan" not in sentence + more


def test_answer_without_k_0_compares_with_it(fabricate: Fabricate) -> None:
    sentence = answer(*of(fabricate(depths=(1, 4))))
    assert "without K = 0 there is nothing to compare" in sentence


def test_answer_where_everything_failed(fabricate: Fabricate) -> None:
    failed = [(depth, seed) for depth in (0, 4) for seed in (0, 1)]
    numbers = of(fabricate(depths=(0, 4), seeds=(0, 1), failed=failed))
    assert answer(*numbers) == "No training finished, so there is no answer."
    assert remarks(*numbers) == ["4 of 4 trainings failed and are left out of every mean."]
    assert warning(numbers[0]) == ""


def test_failures_are_left_out_silently(render: Callable[..., str], tmp_path: Path) -> None:
    text = Page(render(failed=[(4, 1), (1, 0)])).text
    assert "2 of 9 trainings failed" in text
    assert "2 (1 failed)" in text
    seeds = pd.read_csv(tmp_path / "comparisons.csv").query("kind == 'neighbour' and depth == 4")
    assert seeds[["seeds", "failed"]].to_numpy().tolist() == [[1, 2]]


def nll_of(**levels: tuple[float, ...]) -> pd.DataFrame:
    """Return metrics of seeds 0, 1, ... at the depths that the names K<depth> give."""
    return pd.DataFrame(
        {"depth": int(name[1:]), "seed": seed, "nll": nll}
        for name, values in levels.items()
        for seed, nll in enumerate(values)
    )


CLEAR = {"K0": (22.0, 22.1, 22.2, 22.3), "K4": (21.0, 21.11, 21.19, 21.3)}


def test_depth_as_good_as_the_best_is_not_marked() -> None:
    assert may_be_best(nll_of(**CLEAR, K8=(21.1, 21.0, 21.3, 21.19))) == [4, 8]


@pytest.mark.parametrize(
    "levels",
    [
        {"K0": (22.0, 21.0, 23.0), "K4": (21.9, 21.3, 22.5)},
        {"K0": (22.0,), "K4": (21.0,)},
        {"K4": (21.0, 22.0)},
        {"K0": (NONE, NONE), "K4": (21.0, 22.0)},
    ],
    ids=["chance", "one seed", "one depth", "the other failed"],
)
def test_depth_is_marked_that_no_test_supports(levels: dict[str, tuple[float, ...]]) -> None:
    assert may_be_best(nll_of(**levels)) == []


def test_many_depths_make_one_of_them_the_best_by_chance() -> None:
    two = {"K0": (22.0, 22.2, 22.1), "K1": (21.0, 21.5, 21.4)}
    assert may_be_best(nll_of(**two)) == [1]
    ten = {f"K{depth}": two["K0"] for depth in range(2, 12)}
    assert may_be_best(nll_of(**two, **ten)) == []


def test_table_marks_no_depth_of_the_best(render: Callable[..., str]) -> None:
    marked = re.findall(r'<tr class="marked"><td>(\d+)</td>', render(gain=0.5))
    assert marked == ["4"]


def test_table_marks_a_depth_by_chance(render: Callable[..., str]) -> None:
    html = render(gain=0.0)
    assert 'class="marked"' not in html
    assert "No row is marked" in Page(html).text
