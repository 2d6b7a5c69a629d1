from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from flowdepth.estimation import ascent, lengths, thresholds
from flowdepth.estimation.ascent import Images, optimise
from flowdepth.estimation.gaps import Bounds, bounds
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Flow, Gaps
from helpers import Dying, KilledError, binary_images, small_vae

SEEDS = (0, 1)
SETTINGS = Gaps(images=1, steps=16, learning_rate=0.05, samples=200)


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds that end after 4, 8 and 16 steps; some images converge after 8 and some do not."""
    monkeypatch.setattr(lengths, "_FIRST_ROUND", 4)
    monkeypatch.setattr(ascent, "_STEPS_PER_STREAM", 3)
    monkeypatch.setattr(thresholds, "CONVERGED", 0.3)


def model() -> FlowVAE:
    return small_vae(2, SEEDS, disturb=0.3)


def found(x: Tensor, steps: int = 16, numbers: list[int] | None = None) -> Bounds:
    settings = SETTINGS.model_copy(update={"steps": steps})
    return bounds(model(), x, SEEDS, settings, numbers)


def test_an_image_stops_when_a_round_gains_it_next_to_nothing() -> None:
    short, long = found(binary_images(8), 8), found(binary_images(8))
    stopped = short.optimised_elbo == long.optimised_elbo
    assert 0 < stopped.sum() < stopped.numel()
    assert short.last_improvement[stopped].mean() < 0.3
    assert short.last_improvement[~stopped].mean() > 0.3
    assert torch.equal(short.last_improvement[stopped], long.last_improvement[stopped])


def test_image_has_the_same_bounds_whatever_its_companions() -> None:
    x = binary_images(8)
    together, some = found(x), found(x[[5, 2]], numbers=[5, 2])
    for name in ("elbo", "optimised_elbo", "last_improvement"):
        torch.testing.assert_close(getattr(together, name)[:, [5, 2]], getattr(some, name))


def test_optimising_gives_every_image_its_own_flow() -> None:
    vae = small_vae(2, flow=Flow(parameters="shared"), disturb=0.3)
    x = binary_images(3).unsqueeze(0)
    images = Images(vae, x, (0,), torch.arange(3)[None])
    *_, q = optimise(images, ascent.own_parameters(vae.encode(x)), SETTINGS)
    assert q.flow.w.shape == (1, 3, 2, 2)
    assert not torch.equal(q.flow.w[0, 0], q.flow.w[0, 1])
    assert not torch.equal(q.flow.b[0, 0], q.flow.b[0, 1])


@pytest.mark.parametrize("steps", [1, 4, 5, 8, 9, 13])
def test_killed_ascent_ends_the_same_and_repeats_no_step(tmp_path: Path, steps: int) -> None:
    x = binary_images(8)
    whole = found(x)
    with pytest.raises(KilledError):
        bounds(model(), x, SEEDS, SETTINGS, bookmark=Dying(tmp_path / "a", steps))
    rest = Dying(tmp_path / "a", SETTINGS.steps - steps)
    resumed = bounds(model(), x, SEEDS, SETTINGS, bookmark=rest)
    assert torch.equal(resumed.optimised_elbo, whole.optimised_elbo)
    assert torch.equal(resumed.last_improvement, whole.last_improvement)
