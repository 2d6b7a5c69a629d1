from __future__ import annotations

import pytest

from flowdepth.study.stamps import stamp


def test_a_stage_depends_on_what_it_imports_and_on_nothing_else() -> None:
    modules = {
        stage: {entry.split("@")[0] for entry in stamp(stage).split()}
        for stage in ("prepare", "train", "evaluate", "figures")
    }
    assert {
        "flowdepth.stages.train",
        "flowdepth.model.flows.planar",
        "flowdepth.settings.study",
    } <= modules["train"]
    assert "flowdepth.estimation.importance" in modules["evaluate"] - modules["train"]
    assert "flowdepth.report.style" in modules["figures"]
    assert not modules["figures"] & {"flowdepth.model.flows.planar", "flowdepth.training.loop"}
    assert "flowdepth.model.flows.planar" not in modules["prepare"]


@pytest.mark.parametrize("stage", ["train", "summarise", "report"])
def test_an_edit_of_what_only_tells_of_results_makes_none_stale(stage: str) -> None:
    modules = {entry.split("@")[0] for entry in stamp(stage).split()}
    assert "flowdepth.study.provenance" not in modules
