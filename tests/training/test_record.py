from __future__ import annotations

import math

from flowdepth.training.record import SeedRecord


def row(epoch: int, validation: float, train: float = -1.0) -> dict[str, float]:
    return {"epoch": epoch, "train": train, "validation": validation}


def test_patience_ends_a_seed_after_epochs_without_gain() -> None:
    record = SeedRecord(0)
    better = [record.update(row(e, v), 2) for e, v in enumerate([-3.0, -2.0, -2.5, -2.0], 1)]
    assert better == [True, True, False, False]
    assert (record.best_epoch, record.running, record.failed) == (2, False, False)


def test_failure_tells_the_last_finite_values() -> None:
    record = SeedRecord(0)
    record.update(row(1, -3.0), None)
    record.update(row(2, -3.0, train=math.nan), None)
    assert record.message == (
        "non-finite loss in epoch 2; last finite: train -1.000, validation -3.000 nats"
    )
    assert not record.running
