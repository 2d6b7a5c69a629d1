from __future__ import annotations

import pandas as pd

from flowdepth.report.endings import unfinished


def said(*curves: list[float], effect: float = 0.1, beta: float = 1.0, failed: int = 0) -> str:
    """Return what is said of trainings at K = 0 with these validation ELBOs by epoch."""
    history, metrics = [], []
    for seed, curve in enumerate(curves):
        best = 1 + max(range(len(curve)), key=curve.__getitem__)
        status = "failed" if seed < failed else "done"
        metrics.append({"seed": seed, "status": status, "best_epoch": best, "epochs": len(curve)})
        history += [
            {"seed": seed, "epoch": epoch, "validation": value, "beta": beta}
            for epoch, value in enumerate(curve, 1)
        ]
    summary = pd.DataFrame({"nll_difference_mean": [float("nan"), -effect]})
    tables = (pd.DataFrame(rows).assign(depth=0) for rows in (history, metrics))
    return " ".join(unfinished(*tables, summary))


FLAT = [-9.0, -3.0, -2.0, -2.0, -2.1, -2.1, -2.1, -2.1, -2.1, -2.1, -2.1, -2.1]
RISING = [-9.0 + 0.5 * epoch for epoch in range(12)]


def test_trainings_that_had_learnt_all_are_not_spoken_of() -> None:
    assert said(FLAT, FLAT) == ""


def test_a_best_epoch_at_the_end_and_a_rise_beyond_the_effect_are_told() -> None:
    text = said(RISING, FLAT)
    assert "1 of 2 trainings have their best epoch among the last tenth" in text
    assert "rose by 0.750 nats at K = 0, more than depth is found to change the NLL, 0.100" in text
    assert "rose by" not in said(RISING, FLAT, effect=2.0)


def test_an_end_inside_the_warm_up_is_told() -> None:
    text = said(FLAT, FLAT, beta=0.66)
    assert "2 of 2 trainings ended inside their warm-up, at a temperature of 0.66" in text


def test_failed_trainings_count_for_nothing() -> None:
    assert said(RISING, FLAT, failed=1) == ""
    assert said(RISING, failed=1) == ""
