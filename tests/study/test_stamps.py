from __future__ import annotations

import pytest

from flowdepth.study.stamps import digest, stamp

SOURCE = '''
"""A module."""
def double(x):
    """Twice x."""
    return 2 * x
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Twice x."""', '"""x, twice."""'),
        ('"""A module."""', ""),
        ("2 * x", "2 * x  # why"),
        ("2 * x", "(2 *\n        x)"),
    ],
)
def test_comment_makes_results_stale(old: str, new: str) -> None:
    assert digest(SOURCE.replace(old, new)) == digest(SOURCE)


@pytest.mark.parametrize(("old", "new"), [("2 * x", "3 * x"), ("2 * x", "'2 * x'")])
def test_edit_leaves_results_stale(old: str, new: str) -> None:
    assert digest(SOURCE.replace(old, new)) != digest(SOURCE)


def test_stage_does_not_depend_on_what_it_imports() -> None:
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
def test_edit_of_what_only_tells_of_results_makes_them_stale(stage: str) -> None:
    modules = {entry.split("@")[0] for entry in stamp(stage).split()}
    assert "flowdepth.study.provenance" not in modules
