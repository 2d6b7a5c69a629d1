from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.settings.study import read_study
from flowdepth.stages import report
from flowdepth.study import layout
from helpers import leave_pack_provenance
from markup import Page


def test_the_same_data_gives_the_same_bytes(render: Callable[..., str], tmp_path: Path) -> None:
    render()
    written = layout.outputs("report", tmp_path).values()
    first = [path.read_bytes() for path in written]
    report.main()
    assert [path.read_bytes() for path in written] == first


def test_provenance_adds_up_and_names_the_data(render: Callable[..., str], tmp_path: Path) -> None:
    text = Page(render()).text
    facts = json.loads((tmp_path / "provenance.json").read_text())
    assert facts["seconds"] == {"train": 3 * (60 + 61 + 64), "evaluate": 3 * (12 + 13 + 16)}
    assert facts["devices"] == ["cpu"]
    assert facts["versions"]["torch"] in text
    assert facts["data"]["sha256"]["test"] in text


def test_a_missing_figure_is_named(render: Callable[..., str], tmp_path: Path) -> None:
    render()
    (tmp_path / "figures" / "elbo_and_nll.svg").unlink()
    with pytest.raises(UserError, match=r"elbo_and_nll.svg: missing"):
        report.main()


def test_a_damaged_figure_or_table_is_refused(render: Callable[..., str], tmp_path: Path) -> None:
    render()
    for name in ("figures/weights.svg", "tables/errors.csv", "summary.csv", "data/dataset.json"):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(UserError, match=f"{name}: damaged or another file"):
            report.main()
        path.write_bytes(whole)


@pytest.mark.parametrize("mixed", ["refuse", "allow"])
def test_mixed_packs_are_refused_or_told_of(
    render: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mixed: str
) -> None:
    render()
    study = read_study(
        {"name": "digits", "depths": (0, 1, 4), "seeds": (0, 1, 2), "seeds_per_job": 3}
        | {"report": {"mixed": mixed}, "gaps": {"images": 0}, "certify": {"images": 0}}
    )
    leave_pack_provenance(tmp_path / "K4" / "seeds0-2", study, 4, (0, 1, 2), device="cuda")
    at = sys.argv.index("--settings") + 1
    monkeypatch.setattr(sys, "argv", [*sys.argv[:at], study.whole(), *sys.argv[at + 1 :]])
    words = "train: device is cpu in .*K0/seeds0-2/train.provenance.json, .*; cuda in .*K4/seeds0-2"
    if mixed == "refuse":
        with pytest.raises(UserError, match=words):
            report.main()
        return
    report.main()
    text = Page((tmp_path / "report.html").read_text()).text
    assert re.search(words, text)
    assert "which report.mixed allowed" in " ".join(text.split())
