from __future__ import annotations

import itertools

import pytest
import torch

from flowdepth.forecast import trials
from flowdepth.forecast.rates import STEPS
from flowdepth.forecast.trials import Trial
from flowdepth.forecast.work import steps
from flowdepth.settings.study import Study
from flowdepth.study import layout

FEW = {
    "model": {"hidden": [8], "latent": 2},
    "evaluate": {"samples": 5, "exact": True},
    "certify": {"images": 3, "chains": 2},
    "gaps": {"images": 3},
}
GREY = {
    "dataset": {"binarisation": "none"},
    "model": {"hidden": [8], "latent": 2, "likelihood": "normal"},
}
KINDS = {
    "binary": {},
    "grey": GREY,
    "redrawn": {"dataset": {"binarisation": "dynamic"}},
    "sylvester": {"flow": {"kind": "sylvester", "width": 2}},
    "updates": {"training": {"epochs": None, "updates": 10**6}},
    "bfloat16": {"evaluate": {"samples": 5, "precision": "bf16"}},
}


def study(**settings: object) -> Study:
    grid = {"name": "test", "depths": [0, 2], "seeds": [0, 1]}
    return Study.model_validate({**grid, **FEW, **settings})


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_every_step_of_every_stage_is_tried(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], depth: int
) -> None:
    monkeypatch.setattr(trials, "_SECONDS", 0.01)
    trial = Trial(study(**settings), depth, 2, torch.device("cpu"))
    counted = {name for stage in layout.PACK_OUTPUTS for name in steps(stage, trial.study)}
    assert counted == {*STEPS}
    for name in counted:
        assert 0 <= trial.seconds(name) < 1


def test_what_steps_share_is_not_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    # 5 s to begin with and a tenth for each of twice as many steps as were asked for.
    monkeypatch.setattr(trials, "_timed", lambda run, amount: (5 + 0.2 * amount, 2 * amount))
    monkeypatch.setattr(trials, "_SECONDS", 10)
    trial = Trial(study(), 0, 1, torch.device("cpu"))
    assert trial.seconds("update") == pytest.approx(0.1)


def test_moment_of_standing_still_is_not_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of every two runs one takes a second longer.
    runs = itertools.count()

    def timed(run: object, amount: int) -> tuple[float, int]:
        return next(runs) % 2 + 0.01 * amount, amount

    monkeypatch.setattr(trials, "_timed", timed)
    trial = Trial(study(), 0, 1, torch.device("cpu"))
    assert trial.seconds("update") == pytest.approx(0.01)


def test_trial_leaves_the_models_of_its_next_step_as_they_are() -> None:
    trial = Trial(study(evaluate={"samples": 5, "precision": "bf16"}), 0, 1, torch.device("cpu"))
    for name in ("image", "point", "update"):
        getattr(trial, f"_{name}")(1)
    assert not trial._model.bf16_decoder
    assert all(parameter.dtype == torch.float32 for parameter in trial._model.parameters())
