from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdepth.analysis.results import StudyResults
from flowdepth.report import registry
from flowdepth.report.setting import set_table
from flowdepth.report.typesetting import latex, markdown
from flowdepth.settings.study import Study
from flowdepth.stages import tables
from flowdepth.study import layout, provenance
from tabled import summarise, write_exact
from trained import study_command

Fabricate = Callable[..., tuple[Study, list[Path]]]
EXACT = {"model": {"latent": 2}, "evaluate": {"exact": True}}
BIAS = {0: 1.0, 2: 1.0, 4: 1.0}


@pytest.mark.parametrize(
    ("settings", "bias"),
    [({}, None), (EXACT, None), (EXACT, BIAS)],
    ids=["estimates", "quadrature", "annealing"],
)
def test_the_command_writes_every_table_in_three_forms(
    fabricate: Fabricate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict,
    bias: dict | None,
) -> None:
    study, packs = fabricate(settings=settings, bias=bias)
    write_exact(packs)
    summarise(study, packs, tmp_path)
    monkeypatch.setattr(sys, "argv", study_command("tables", tmp_path, study)[2:])
    tables.main()
    set_ = registry.tables(study, "tables")
    assert ("exact" in [one.name for one in set_]) == (settings == EXACT)
    assert ("annealing" in capsys.readouterr().out) == (bias is not None)
    for one in set_:
        table = set_table(one, StudyResults(study, tmp_path))
        forms = {"md": markdown(table), "tex": latex(table), "csv": table.to_csv(index=False)}
        for kind, path in layout.table(tmp_path, one.name).items():
            assert path.read_text() == forms[kind]
    record = provenance.read(tmp_path / "tables.provenance.json")
    assert {*record["outputs"]} == {
        f"tables/{one.name}.{kind}" for one in set_ for kind in layout.TABLE_FORMS
    }
