from __future__ import annotations

import math

from flowdepth.training.record import SeedRecord


def row(epoch: int, validation: float, train: float = -1.0, beta: float = 1.0) -> dict[str, float]:
    return {"epoch": epoch, "train": train, "validation": validation, "beta": beta}


def test_patience_ends_a_seed_after_epochs_without_gain() -> None:
    record = SeedRecord(0)
    better = [record.update(row(e, v), 2) for e, v in enumerate([-3.0, -2.0, -2.5, -2.0], 1)]
    assert better == [True, True, False, False]
    assert (record.best_epoch, record.running, record.failed) == (2, False, False)


def test_patience_counts_from_the_end_of_the_warm_up() -> None:
    record = SeedRecord(0)
    for epoch, beta in enumerate([0.2, 0.4, 0.6, 0.8, 1.0, 1.0], 1):
        assert record.running
        record.update(row(epoch, -2.0 - epoch, beta=beta), 2)
    assert (record.best_epoch, record.cold_until, record.running) == (1, 4, False)


def ending(*validation: float, beta: float = 1.0) -> str:
    record = SeedRecord(0)
    for epoch, value in enumerate(validation, 1):
        record.update(row(epoch, value, beta=beta), None)
    return record.ending


def test_a_training_that_ended_too_early_says_so() -> None:
    rising = [-float(v) for v in range(20, 0, -1)]
    assert (
        ending(*rising)
        == "best epoch 20 of 20, among the last tenth: longer training would change it"
    )
    assert ending(*rising[:15], *rising[5:10]) == "best epoch 15 of 20"
    assert ending(*rising, beta=0.9) == "best epoch 20 of 20, inside the warm-up: train longer"
    assert ending(-1.0, math.nan).startswith("non-finite loss in epoch 2")


def test_failure_tells_the_last_finite_values() -> None:
    record = SeedRecord(0)
    record.update(row(1, -3.0), None)
    record.update(row(2, -3.0, train=math.nan), None)
    assert record.message == (
        "non-finite loss in epoch 2; last finite: train -1.000, validation -3.000 nats"
    )
    assert not record.running
