from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from flowdepth.analysis.gaps import COLUMNS, gap_summary, read_gaps
from flowdepth.analysis.statistics import t_interval
from flowdepth.base.errors import UserError
from flowdepth.report import style
from flowdepth.settings.study import Study
from flowdepth.stages import gap_figures
from helpers import leave_provenance

Fabricate = Callable[..., tuple[Study, list[Path]]]
IMAGES = 6


def write_gaps(
    study: Study, packs: list[Path], gained: float = 0.0, failed: Collection[tuple[int, int]] = ()
) -> None:
    """Approximation gaps shrink with depth, amortisation gaps grow."""
    by_folder = {p: (int(p.parent.name[1:]), i % len(study.packs())) for i, p in enumerate(packs)}
    for pack, (depth, number) in by_folder.items():
        rows = [
            _image(depth, seed, image, gained)
            for seed in list(study.packs().values())[number]
            if (depth, seed) not in failed
            for image in range(IMAGES)
        ]
        pd.DataFrame(rows, columns=COLUMNS).to_parquet(pack / "gaps.parquet", index=False)
        leave_provenance(pack, "gaps", ["gaps.parquet"])


def _image(depth: int, seed: int, image: int, gained: float) -> dict[str, float]:
    chance = np.random.default_rng((depth, seed, image)).normal(0, 0.02, 2)
    gaps = 0.3 / (1 + depth) + chance[0], 0.4 + 0.02 * depth + chance[1]
    return {
        **{"seed": seed, "image": image, "elbo": -23 - sum(gaps), "optimised_elbo": -23 - gaps[0]},
        **{"log_p": -23.0, "log_p_mcse": 0.01, "approximation": gaps[0], "amortisation": gaps[1]},
        "last_improvement": gained,
    }


def summary_of(results: tuple[Study, list[Path]], **gaps: object) -> pd.DataFrame:
    study, packs = results
    write_gaps(study, packs, **gaps)
    return gap_summary(read_gaps(study, packs), study.depths)


def overhang(figure: Figure) -> float:
    """Return by how many inches what is drawn reaches beyond the figure; negative is inside."""
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return max(-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)


def test_interval_counts_images_instead_of_seeds(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), seeds=(0, 1, 2, 3))
    row = summary_of((study, packs)).iloc[1]
    frame = read_gaps(study, packs)
    mine = frame[frame["depth"] == 4].groupby("seed")[["approximation", "amortisation"]].mean()
    for name in mine:
        expected = t_interval(mine[name])
        assert row[f"{name}_low"] == pytest.approx(expected.low)
        assert row[f"{name}_mean"] == pytest.approx(expected.mean)
    whole = t_interval(mine.sum(axis=1))
    assert row["inference_high"] == pytest.approx(whole.high)
    assert row["seeds"] == 4


def test_bars_are_not_stacked(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate())
    bars = gap_figures.inference_gap(summary).axes[0].patches
    lower, upper = bars[:3], bars[3:]
    for below, above, row in zip(lower, upper, summary.itertuples(), strict=True):
        assert below.get_height() == pytest.approx(row.approximation_mean)
        assert above.get_y() == pytest.approx(row.approximation_mean)
        top = above.get_y() + above.get_height()
        assert top == pytest.approx(row.inference_mean)


def test_drawn_intervals_belong_to_other_numbers(fabricate: Fabricate) -> None:
    summary = summary_of(fabricate(depths=(0, 2, 16)))
    axes = gap_figures.inference_gap(summary).axes[0]
    approximation, amortisation = (
        np.array([s[:, 1] for s in c.get_segments()]) for c in axes.collections
    )
    np.testing.assert_allclose(approximation, summary[["approximation_low", "approximation_high"]])
    known = summary[["amortisation_low", "amortisation_high"]].to_numpy()
    np.testing.assert_allclose(
        amortisation, known + summary["approximation_mean"].to_numpy()[:, None]
    )


CASES = {
    "plain": {},
    "one seed": {"seeds": (3,)},
    "one depth": {"depths": (8,)},
    "twelve depths": {"depths": tuple(range(12))},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("gained", [0.0, 0.2])
def test_label_leaves_its_figure(fabricate: Fabricate, case: str, gained: float) -> None:
    summary = summary_of(fabricate(**CASES[case]), gained=gained)
    with style.visual_language():
        assert overhang(gap_figures.inference_gap(summary)) < 0.01


def test_too_few_steps_go_unsaid(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4))
    for gained, said in ((0.04, True), (0.004, False)):
        summary = summary_of((study, packs), gained=gained)
        cells = gap_figures.table(summary, study)["last half of steps gained"]
        assert cells.str.contains("too few").tolist() == [said, said]
        bars = gap_figures.inference_gap(summary).axes[0].patches
        assert all(bool(bar.get_hatch()) == said for bar in bars)


def test_failures_are_hidden(fabricate: Fabricate) -> None:
    study, packs = fabricate()
    failed = [(1, 2), (4, 0), (4, 1), (4, 2)]
    summary = summary_of((study, packs), failed=failed)
    frame = gap_figures.table(summary, study)
    assert frame["seeds"].tolist() == ["3", "2 (1 failed)", "0 (3 failed)"]
    assert frame["approximation gap [95 %]"][2] == "failed"
    assert "nan" not in frame.to_csv()
    texts = [text.get_text() for text in gap_figures.inference_gap(summary).axes[0].texts]
    assert texts == ["failed"]


def test_nothing_but_failures_ends_the_study(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4), seeds=(1,))
    summary = summary_of((study, packs), failed=[(0, 1), (4, 1)])
    gap_figures.inference_gap(summary)
    assert "nan" not in gap_figures.table(summary, study).to_csv()


def test_command_leaves_files_out_or_gives_other_bytes(
    fabricate: Fabricate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, packs = fabricate(depths=(0, 4))
    write_gaps(study, packs)
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        words = ["--settings", study.canonical(), "--packs", *map(str, packs)]
        words += ["--figures", str(folder), "--tables", str(folder)]
        words += ["--provenance", str(tmp_path / "gap_figures.provenance.json")]
        monkeypatch.setattr(sys, "argv", ["gap_figures", *words])
        gap_figures.main()
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    kinds = (*style.FORMATS, "csv", "md", "tex")
    assert set(written[0]) == {f"inference_gap.{kind}" for kind in kinds}


def test_damaged_file_is_a_traceback(fabricate: Fabricate) -> None:
    study, packs = fabricate(depths=(0, 4))
    write_gaps(study, packs)
    path = packs[0] / "gaps.parquet"
    whole = pd.read_parquet(path)
    whole.drop(columns="log_p").to_parquet(path)
    with pytest.raises(UserError, match=r"gaps\.parquet: damaged or of another kind"):
        read_gaps(study, packs)
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(UserError, match=r"gaps\.parquet: damaged or of another kind"):
        read_gaps(study, packs)
    path.unlink()
    with pytest.raises(UserError, match=r"gaps\.parquet: missing"):
        read_gaps(study, packs)
    whole.assign(seed=9).to_parquet(path)
    with pytest.raises(UserError, match="expected seeds"):
        read_gaps(study, packs)
