"""What happens on a GPU with too little memory, which a stub of the model plays."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.compute import out_of_memory
from flowdepth.compute.out_of_memory import enough, halved
from flowdepth.compute.resume import FORGETFUL, Bookmark
from flowdepth.data.prepare import prepare
from flowdepth.estimation import ascent, quadrature
from flowdepth.estimation.gaps import bounds
from flowdepth.estimation.importance import Estimate, estimate
from flowdepth.estimation.quadrature import exact_log_likelihood
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Dataset, Gaps, Model, Objective, Training, TrainSettings
from flowdepth.training.pack import train
from helpers import Dying, KilledError, binary_images, small_vae

SEEDS = (0, 1)
IMAGES = binary_images(9)


def limit(monkeypatch: pytest.MonkeyPatch, holds: Callable[[int], bool]) -> list[int]:
    """Let the decoder run out of memory at sizes that do not hold; return those that did."""
    decode, fitting = FlowVAE.decode, []

    def limited(vae: FlowVAE, z: Tensor) -> Tensor:
        size = z[..., 0].numel()
        if not holds(size):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has")
        fitting.append(size)
        return decode(vae, z)

    monkeypatch.setattr(FlowVAE, "decode", limited)
    return fitting


def close(first: object, second: object) -> None:
    for field in fields(first):
        values = (getattr(result, field.name) for result in (first, second))
        torch.testing.assert_close(*values, equal_nan=True)


def estimated(**options: object) -> Estimate:
    vae = small_vae(2, SEEDS, disturb=0.3)
    return estimate(vae, IMAGES, SEEDS, 30, **{"rows": 1000, **options})


@pytest.mark.parametrize("most", [2, 50, 200])
def test_estimate_fits_into_small_memory_and_stays_the_same(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    whole = estimated()
    fitting = limit(monkeypatch, lambda size: size <= most)
    close(estimated(), whole)
    assert max(fitting) > most / 3


@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_estimate_survives_memory_being_taken_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    whole = estimated(rows=120)
    calls = iter(range(100))
    limit(monkeypatch, lambda size: next(calls) != chunk)
    close(estimated(rows=120), whole)


def test_resumed_estimate_remembers_how_many_rows_fit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit(monkeypatch, lambda size: size <= 50)
    whole = estimated()
    with pytest.raises(KilledError):
        estimated(bookmark=Dying(tmp_path / "a", 4))
    monkeypatch.setattr("flowdepth.estimation.importance.halved", lambda rows, work: work(rows))
    resumed = estimated(bookmark=Dying(tmp_path / "a", 100))
    for field in fields(Estimate):
        values = (getattr(result, field.name) for result in (resumed, whole))
        torch.testing.assert_close(*values, rtol=0, atol=0, equal_nan=True)


def test_gaps_and_integral_stay_the_same_when_memory_is_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Gaps(images=1, steps=4, samples=40)
    vae = small_vae(2, SEEDS, disturb=0.3)
    split, exact = bounds(vae, IMAGES[:6], SEEDS, settings), exact_log_likelihood(vae, IMAGES)
    assert ascent._ROWS > 200 < quadrature._CHUNK["cpu"]
    limit(monkeypatch, lambda size: size <= 200)
    close(bounds(vae, IMAGES[:6], SEEDS, settings), split)
    close(exact_log_likelihood(vae, IMAGES), exact)


KEPT = {
    "importance sampling": (2, lambda bookmark: estimated(rows=120, bookmark=bookmark)),
    "gaps": (
        4,
        lambda bookmark: bounds(
            small_vae(2, SEEDS), IMAGES, SEEDS, Gaps(steps=4, samples=40), bookmark=bookmark
        ),
    ),
    "quadrature": (
        3,
        lambda bookmark: exact_log_likelihood(small_vae(2, SEEDS), IMAGES, bookmark=bookmark),
    ),
}


@pytest.mark.parametrize(("kept", "compute"), KEPT.values(), ids=KEPT)
def test_work_kept_before_running_out_of_memory_is_neither_read_again_nor_counted_twice(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kept: int,
    compute: Callable[[Bookmark], object],
) -> None:
    whole, bookmark = compute(FORGETFUL), Dying(tmp_path / "a", 1000)
    bookmark.log, failures = pytest.fail, []

    def holds(size: int) -> bool:
        if bookmark.steps > 1000 - kept or failures:
            return True
        failures.append(size)
        return False

    limit(monkeypatch, holds)
    close(compute(bookmark), whole)
    assert failures
    assert bookmark.earlier == 0


def test_row_that_does_not_fit_is_tried_once_and_explained() -> None:
    tried = []

    def work(rows: int) -> None:
        tried.append(rows)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has")

    with pytest.raises(UserError, match=r"a single row does not fit the GPU's memory \(CUDA out"):
        halved(5, work)
    assert tried == [5, 2, 1]


def test_fewer_rows_are_tried_where_the_machines_memory_is_too_small(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(rows: int) -> Tensor:
        return torch.empty(rows - 2, 10**7, 10**7) if rows > 2 else torch.empty(rows)

    assert halved(9, work).shape == (2,)
    assert "9 rows at once do not fit this machine's memory; trying 4" in capsys.readouterr().out
    with (
        pytest.raises(UserError, match=r"this does not fit this machine's.*larger one$"),
        enough("this"),
    ):
        torch.empty(10**7, 10**7)


def test_errors_other_than_a_lack_of_memory_pass_through() -> None:
    with pytest.raises(RuntimeError, match="other"), enough("this"):
        raise RuntimeError("other")


@pytest.mark.parametrize(
    ("seeds", "advice"),
    [((0, 1, 2, 3, 4), r"5 seeds at K = 1 .*set seeds_per_job to 2 or less"), ((7,), "1 seed at")],
)
def test_training_without_memory_advises_fewer_seeds_if_it_has_several(
    monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...], advice: str
) -> None:
    limit(monkeypatch, lambda size: False)
    images = prepare(Dataset())
    settings = TrainSettings(model=Model(hidden=(4,)), training=Training(), objective=Objective())
    with pytest.raises(UserError, match=advice) as caught:
        train(settings, 1, seeds, images, torch.device("cpu"))
    assert ("seeds_per_job" in str(caught.value)) == (len(seeds) > 1)


def test_failed_attempt_gives_its_memory_back_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cache is emptied when no exception holds the attempt's tensors any more."""
    handled = []
    monkeypatch.setattr(
        out_of_memory.torch.cuda, "empty_cache", lambda: handled.append(sys.exc_info()[0])
    )

    def work(rows: int) -> int:
        if rows > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return rows

    assert halved(4, work) == 1
    assert handled == [None, None]
