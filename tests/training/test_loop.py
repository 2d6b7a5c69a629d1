from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flowdepth.compute.resume import FORGETFUL, Bookmark
from flowdepth.compute.streams import normals
from flowdepth.model.objective import elbo
from flowdepth.settings.sections import Annealing, Flow, Objective, Training
from flowdepth.training import loop
from flowdepth.training.loop import PackTraining
from helpers import Dying, KilledError, binary_images, small_vae

SEEDS = (3, 5, 8)
IMAGES = binary_images(50).to(torch.uint8)
VALIDATION = binary_images(20, seed=1)


def trained(
    seeds: tuple[int, ...],
    depth: int = 3,
    goal: Objective | None = None,
    images: Tensor = IMAGES,
    parameters: str = "amortised",
    bookmark: Bookmark = FORGETFUL,
    **training: object,
) -> PackTraining:
    fixed = {"batch_size": 16, "epochs": 4, "learning_rate": 0.01, "validation_samples": 1}
    settings = Training(**{**fixed, **training})
    pack = PackTraining(
        small_vae(depth, seeds, flow=Flow(parameters=parameters)),
        seeds,
        lambda epoch: images.roll(epoch - 1, -2),
        VALIDATION,
        settings,
        goal or Objective(annealing=Annealing(length=2)),
        bookmark,
    )
    pack.run(lambda line: None)
    return pack


@pytest.mark.parametrize("optimizer", ["adam", "adamax", "rmsprop"])
@pytest.mark.parametrize("parameters", ["amortised", "shared"])
def test_seed_trains_the_same_in_any_pack(optimizer: str, parameters: str) -> None:
    together = trained(SEEDS, optimizer=optimizer, parameters=parameters)
    for row, seed in enumerate(SEEDS):
        alone = trained((seed,), optimizer=optimizer, parameters=parameters)
        for name, value in alone.model.state_dict().items():
            other = together.model.state_dict()[name][row]
            torch.testing.assert_close(value[0], other, rtol=1e-9, atol=1e-9)
        for mine, theirs in zip(
            alone.records[0].history, together.records[row].history, strict=True
        ):
            assert mine == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("goal", [{"bound": "iwae"}, {"gradient": "path"}])
def test_bound_and_gradient_change_the_training(goal: dict[str, str]) -> None:
    plain = trained((3,), goal=Objective(samples=3))
    other = trained((3,), goal=Objective(samples=3, **goal))
    first, second = (pack.records[0].history[-1] for pack in (plain, other))
    assert first["train"] != second["train"]
    assert second["validation"] == pytest.approx(first["validation"], abs=0.5)


def test_same_seed_trains_the_same_twice() -> None:
    first, second = (trained(SEEDS).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_raises_the_validation_elbo() -> None:
    history = trained(SEEDS, epochs=40).records[0].history
    assert history[-1]["validation"] > history[0]["validation"] + 0.1


def test_each_seed_is_trained_on_its_own_images() -> None:
    """With images of its own [R, N, P], each seed trains as it would alone on them."""
    own = torch.stack([binary_images(50, seed=seed).to(torch.uint8) for seed in SEEDS])
    together = trained(SEEDS, images=own)
    for row, seed in enumerate(SEEDS):
        alone = trained((seed,), images=own[row])
        assert together.records[row].history[-1] == pytest.approx(alone.records[0].history[-1])


def test_short_last_batch_weighs_by_its_number_of_images() -> None:
    """With a learning rate of next to nothing, the epoch's mean is the mean over all images."""
    pack = trained((3,), epochs=1, learning_rate=1e-12, goal=Objective(annealing={"kind": "none"}))
    order = torch.cat([rows for rows, _ in pack._batches(IMAGES, 1)], 1)
    noise = torch.cat([eps for _, eps in pack._batches(IMAGES, 1)], 1)
    assert sorted(order[0].tolist()) == sorted(IMAGES.double().tolist())
    with torch.no_grad():
        vae = small_vae(3, (3,))
        expected = elbo(vae, order, vae.encode(order), noise).mean()
    assert pack.records[0].history[0]["train"] == pytest.approx(expected.item(), rel=1e-6)


def test_order_of_the_images_changes_every_epoch() -> None:
    pack = trained((3,), epochs=1)
    first, second = (torch.cat([x for x, _ in pack._batches(IMAGES, epoch)], 1) for epoch in (1, 2))
    assert not torch.equal(first, second)


def test_training_ends_after_the_updates_asked_for() -> None:
    history = trained((3,), epochs=None, updates=10).records[0].history
    assert [row["updates"] for row in history] == [4, 8, 10]


def test_annealing_changes_beta_and_the_training() -> None:
    plain = trained((3,), goal=Objective(annealing={"kind": "none"})).records[0].history
    warm = trained((3,), goal=Objective(annealing={"kind": "kl", "length": 2})).records[0].history
    assert [row["beta"] for row in plain] == [1] * 4
    assert [row["beta"] for row in warm] == [0.375, 0.875, 1, 1]
    assert plain[0]["train"] != warm[0]["train"]


def test_best_epoch_is_chosen_at_beta_1() -> None:
    """The model kept is the one whose ELBO at beta 1 is the validation value on record."""
    pack = trained(SEEDS, epochs=3, learning_rate=0.5, goal=Objective(annealing={"length": 100}))
    eps = normals(SEEDS, "validation", 0, shape=(1000, 1, 2), dtype=torch.float64, device="cpu")[
        :, :20
    ]
    with torch.no_grad():
        x = VALIDATION.expand(3, -1, -1)
        values = elbo(pack.model, x, pack.model.encode(x), eps).mean(1)
    for record, value in zip(pack.records, values.tolist(), strict=True):
        best = max(record.history, key=lambda row: row["validation"])
        assert record.best_epoch == best["epoch"]
        assert value == pytest.approx(best["validation"], rel=1e-9)


def test_last_short_batch_of_validation_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = trained((3,), epochs=1)
    monkeypatch.setattr(loop, "_VALIDATION_CHUNK", 7)
    monkeypatch.setattr(loop, "elbo", lambda model, x, q, eps: x.sum(-1))
    expected = VALIDATION.sum(-1).mean().item()
    assert pack._validate().item() == pytest.approx(expected)


def ended(pack: PackTraining, *seeds: int, message: str = "") -> None:
    for seed in seeds:
        pack.records[pack.seeds.index(seed)].running = False
        pack.records[pack.seeds.index(seed)].message = message


def test_a_line_tells_the_means_of_the_seeds_that_still_run() -> None:
    pack = trained(SEEDS)
    for record, value in zip(pack.records, (-2.0, -3.0, -90.0), strict=True):
        record.history[-1] |= {"train": value - 1, "validation": value}
    ended(pack, 8)
    line = pack._line(beta=0.5, done=4, left=8, elapsed=2.0)
    assert line == (
        "epoch 4  train -3.50  validation -2.50 nats (mean of 2 seeds)  "
        "beta 0.50  96 images/s  0:04 left"
    )


def test_a_line_says_how_seeds_ended_when_none_runs_any_more() -> None:
    pack = trained(SEEDS)
    ended(pack, *SEEDS)
    start = "epoch 4  every seed has ended: "
    assert pack._line(1.0, 4, 8, 2.0) == f"{start}3 stopped early"
    ended(pack, 5, message="non-finite loss in epoch 4")
    assert pack._line(1.0, 4, 8, 2.0) == f"{start}2 stopped early, 1 failed"
    ended(pack, *SEEDS, message="non-finite loss in epoch 4")
    assert pack._line(1.0, 4, 8, 2.0) == f"{start}3 failed"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (779.7, "13:00")]
)
def test_the_time_left_has_fewer_than_sixty_seconds_beside_its_minutes(
    seconds: float, told: str
) -> None:
    assert trained((3,), epochs=1)._line(1.0, 1, 1, seconds).endswith(f"  {told} left")


def test_failed_seed_leaves_its_companions_unchanged() -> None:
    def run(broken: bool) -> PackTraining:
        pack = PackTraining(
            small_vae(2, SEEDS),
            SEEDS,
            lambda epoch: IMAGES,
            VALIDATION,
            Training(batch_size=16, epochs=3),
            Objective(),
        )
        if broken:
            with torch.no_grad():
                pack.model.output.weight[1] = math.nan
        pack.run(lambda line: None)
        return pack

    whole, broken = run(broken=False), run(broken=True)
    assert [record.failed for record in broken.records] == [False, True, False]
    assert broken.records[1].message == "non-finite loss in epoch 1"
    for row in (0, 2):
        assert broken.records[row].history == whole.records[row].history


RESUMED = {
    "adam": {},
    "adamax": {"optimizer": "adamax", "parameters": "shared"},
    "rmsprop": {"optimizer": "rmsprop", "momentum": 0.5},
    "updates end within an epoch": {"epochs": None, "updates": 10},
    "stopped early": {"patience": 1, "learning_rate": 0.3, "epochs": 9},
    "images of each seed": {"images": torch.stack([IMAGES, IMAGES.flip(0), 1 - IMAGES])},
}


@pytest.mark.parametrize("updates", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("settings", RESUMED.values(), ids=RESUMED)
def test_killed_training_ends_the_same(
    tmp_path: Path, settings: dict[str, object], updates: int
) -> None:
    whole = trained(SEEDS, **settings)
    with pytest.raises(KilledError):
        trained(SEEDS, bookmark=Dying(tmp_path / "sidecar", updates), **settings)
    resumed = trained(SEEDS, bookmark=Dying(tmp_path / "sidecar", 100), **settings)
    assert [asdict(record) for record in resumed.records] == [
        asdict(record) for record in whole.records
    ]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name])


def test_resumed_training_repeats_no_update(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        trained(SEEDS, bookmark=Dying(tmp_path / "sidecar", 9))
    trained(SEEDS, bookmark=Dying(tmp_path / "sidecar", 16 - 9))


def test_images_of_an_epoch_are_drawn_once() -> None:
    drawn = []
    pack = PackTraining(
        small_vae(1, (3,)),
        (3,),
        lambda epoch: drawn.append(epoch) or IMAGES,
        VALIDATION,
        Training(batch_size=16, epochs=3),
        Objective(),
    )
    pack.run(lambda line: None)
    assert drawn == [1, 2, 3]


@pytest.mark.gpu
# torch keeps Adamax's bias correction in float32 on CUDA.
@pytest.mark.parametrize(
    ("optimizer", "tolerance"), [("adam", 1e-9), ("adamax", 1e-7), ("rmsprop", 1e-9)]
)
def test_cuda_trains_to_the_result_of_cpu(optimizer: str, tolerance: float) -> None:
    training = Training(batch_size=16, optimizer=optimizer, learning_rate=0.01)
    cpu, cuda = (
        PackTraining(
            small_vae(4, SEEDS).to(device),
            SEEDS,
            lambda epoch: IMAGES,
            VALIDATION.to(device),
            training,
            Objective(),
        )
        for device in ("cpu", "cuda")
    )
    for epoch in range(1, 6):
        for x, eps in cpu._batches(IMAGES, epoch):
            beta = torch.tensor(epoch / 5).double()
            here = cpu.step(x, eps, beta)
            there = cuda.step(x.cuda(), eps.cuda(), beta.cuda())
            torch.testing.assert_close(there.cpu(), here, rtol=tolerance, atol=tolerance)
