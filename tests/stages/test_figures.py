from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flowdepth.report.captions import ALWAYS
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from flowdepth.analysis.columns import HISTORY
from flowdepth.analysis.readers import read_rows
from flowdepth.analysis.summary import metrics_table, study_tables
from flowdepth.report import style
from flowdepth.settings.study import Study
from flowdepth.stages import figures
from helpers import leave_provenance

Fabricate = Callable[..., tuple[Study, list[Path]]]

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


def all_figures(study: Study, packs: list[Path]) -> dict[str, Figure]:
    tables = study_tables(study, packs)
    del tables["comparisons"]
    return dict(figures.draw(study, packs, **tables))


def nll_tables(results: tuple[Study, list[Path]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables = study_tables(*results)
    return tables["metrics"], tables["summary"]


def overhang(figure: Figure) -> float:
    """Return by how many inches what is drawn reaches beyond the figure; negative is inside."""
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)


@pytest.mark.parametrize("case", CASES)
def test_no_label_leaves_its_figure(fabricate: Fabricate, case: str) -> None:
    with style.visual_language():
        for figure in all_figures(*fabricate(**CASES[case])).values():
            assert overhang(figure) < 0.01


def test_labels_of_lines_do_not_overlap(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=tuple(range(12)), gain=0.0)
    with style.visual_language():
        figure = figures.learning_curves(
            read_rows(packs, "history.csv", HISTORY), metrics_table(study, packs)
        )
        figure.canvas.draw()
        labels = [t for t in figure.axes[0].texts if t.get_text().startswith("K")]
        boxes = sorted((Text.get_window_extent(t) for t in labels), key=lambda box: box.y0)
    assert len(boxes) == 12
    # Text boxes have some air of their own around the letters.
    assert all(b.y0 - a.y0 > 0.75 * a.height for a, b in pairwise(boxes))


def test_drawn_intervals_are_those_of_the_summary(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(depths=(0, 2, 16), seeds=(0, 1, 2, 3)))
    figure = figures.nll_by_depth(metrics, summary)
    for axes, name in zip(figure.axes, ("nll", "nll_difference"), strict=True):
        lines = next(c for c in axes.collections if hasattr(c, "get_segments"))
        drawn = np.array([segment[:, 1] for segment in lines.get_segments()])
        known = summary[[f"{name}_low", f"{name}_high"]].dropna().to_numpy()
        np.testing.assert_allclose(drawn, known)


def test_every_finished_seed_is_a_dot(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(failed=[(4, 1)]))
    figure = figures.nll_by_depth(metrics, summary)
    dots = next(c for c in figure.axes[0].collections if len(c.get_offsets()) > 1)
    np.testing.assert_allclose(dots.get_offsets()[:, 1], metrics["nll"].dropna())


def test_seed_of_elbo_or_nll_is_no_dot(fabricate: Fabricate) -> None:
    metrics, summary = nll_tables(fabricate(failed=[(4, 1)]))
    axes = figures.elbo_and_nll(metrics, summary).axes[0]
    dots = [c.get_offsets()[:, 1] for c in axes.collections if len(c.get_offsets()) > 1]
    done = metrics.dropna(subset="nll")
    np.testing.assert_allclose(dots, [-done["elbo"], done["nll"]])


@pytest.mark.parametrize("name", ["convergence", "learning_curves"])
def test_k_0_is_lost_without_colours(fabricate: Fabricate, name: str) -> None:
    lines = all_figures(*fabricate(depths=(0, 4)))[name].axes[0].lines
    bold = [line for line in lines if line.get_linewidth() > 1]
    assert [line.get_linestyle() == "--" for line in bold] == [True, False]


def test_diverging_seed_does_not_squash_the_curves(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), failed=[(4, 0)])
    history = read_rows(packs, "history.csv", HISTORY)
    broken = (history["depth"] == 4) & (history["seed"] == 0)
    history.loc[broken, "validation"] = [-1e8, -1e12, np.inf, -np.inf, np.nan, -50.0, -1e20]
    figure = figures.learning_curves(history, metrics_table(study, packs))
    low, high = figure.axes[0].get_ylim()
    assert low > -30
    assert high < -20


def test_mean_curve_ends_where_the_first_seed_stops() -> None:
    curves = pd.DataFrame({0: [-3.0, -2.0, -1.0], 1: [-5.0, -4.0, np.nan]}, index=[1, 2, 3])
    metrics = pd.DataFrame({"seed": [0, 1], "status": ["done", "done"]})
    assert figures._mean_curve(curves, metrics).to_dict() == {1: -4.0, 2: -3.0}


def test_rows_show_the_first_finished_seed(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), failed=[(4, 0)])
    metrics = metrics_table(study, packs)
    examples = figures.first_examples(packs, metrics, count=10)
    rows = figures._rows_by_depth(examples, metrics, "samples")
    np.testing.assert_array_equal(rows["K = 0"], examples[0].samples[0])
    np.testing.assert_array_equal(rows["K = 4"], examples[4].samples[1])


def test_images_are_not_turned_or_stretched(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0,), shape=(12, 5))
    metrics = metrics_table(study, packs)
    examples = figures.first_examples(packs, metrics, count=10)
    mosaic = figures.prior_samples(examples, metrics).axes[0].images[0].get_array()
    np.testing.assert_allclose(mosaic[:12, :5], examples[0].samples[0, 0])
    assert mosaic.shape == (12, 10 * 6 - 1)


def test_as_many_images_are_shown_as_the_settings_say(fabricate: Fabricate) -> None:
    shown = all_figures(*fabricate(depths=(0, 4), settings={"report": {"examples": 3}}))
    for name, rows in (("reconstructions", 3), ("prior_samples", 2)):
        assert shown[name].axes[0].images[0].get_array().shape == (rows * 9 - 1, 3 * 9 - 1)


def arguments(study: Study, packs: list[Path], root: Path, output: Path) -> list[str]:
    files = []
    for name, table in study_tables(study, packs).items():
        table.to_csv(root / f"{name}.csv", index=False)
        files += [f"--{name}", str(root / f"{name}.csv")] if name != "comparisons" else []
    leave_provenance(root, "summarise", root.glob("*.csv"))
    files += ["--provenance", str(root / "figures.provenance.json")]
    head = ["--settings", study.canonical(), "--packs", *map(str, packs)]
    return [*head, *files, "--output", str(output)]


def test_same_data_gives_the_same_bytes(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate(depths=(0, 4))
    command = arguments(study, packs, tmp_path, tmp_path / "here")
    monkeypatch.setattr(sys, "argv", ["figures", *command])
    figures.main()
    # Another process has other hash seeds and another clock.
    there = [*command[:-1], str(tmp_path / "there")]
    subprocess.run([sys.executable, "-m", "flowdepth.stages.figures", *there], check=True)
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == sorted(f"{name}.{kind}" for name in ALWAYS for kind in style.FORMATS)
    for name in names:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_png_is_sharp_enough_for_print(fabricate: Fabricate, tmp_path: Path) -> None:
    tables = nll_tables(fabricate())
    with style.visual_language():
        style.save(figures.elbo_and_nll(*tables), tmp_path, "elbo_and_nll")
    with Image.open(tmp_path / "elbo_and_nll.png") as image:
        assert image.width == 200 * style.WIDTH


def test_k_0_has_its_place_on_the_axis_of_depths() -> None:
    np.testing.assert_allclose(style.depth_positions([0, 1, 2, 8, 64]), [0, 1, 2, 4, 7])


def test_k_0_has_the_same_grey_whatever_the_other_depths() -> None:
    assert style.depth_colours([0, 4])[0] == style.depth_colours([0, 1, 2, 80])[0]
    assert len(set(style.depth_colours(range(12)).values())) == 12


targets = st.lists(st.floats(-5, 15), min_size=2, max_size=12)


@given(targets, st.floats(0.01, 3))
def test_spread_labels_keep_order_distance_and_limits(wanted: list[float], gap: float) -> None:
    placed = style.spread(wanted, gap, 0, 10)
    order = np.argsort(wanted, kind="stable")
    room = min(gap, 10 / (len(wanted) - 1))
    assert (np.diff(placed[order]) > room - 1e-6).all()
    assert placed.min() > -1e-6
    assert placed.max() < 10 + 1e-6


def test_labels_with_room_stay_where_they_belong() -> None:
    np.testing.assert_allclose(style.spread([8.0, 1.0, 4.0], 0.5, 0, 10), [8, 1, 4])
