"""The steps of a job, by the trial that prices them, and what it leaves on the disk."""

from __future__ import annotations

from collections.abc import Callable

from flowdepth.cluster.demand import parameters, schedule
from flowdepth.data import catalogue
from flowdepth.estimation.lengths import CHECK_SAMPLES, MOST_POINTS, rounds, walked
from flowdepth.settings.study import Study

# Figures in three forms and what is beside them.
_LEFT_MB = {"figures": 2.0, "report": 2.0, "paper": 0.5}
# Starts of a stage that one takes with its work, which is as long at every study.
_STARTS = {"summarise": 1.8, "figures": 2.5, "gap_figures": 1.5, "report": 1.5, "paper": 1.5}


def steps(stage: str, study: Study) -> dict[str, float]:
    """Return by their name in `trials.Trial` the steps of ``stage`` on a pack, at most."""
    count = _STEPS.get(stage)
    return count(study) if count else {}


def _train(study: Study) -> dict[str, float]:
    _, updates = schedule(study.training, catalogue.split_sizes(study.dataset).train)
    return {"update": updates}


def _evaluate(study: Study) -> dict[str, float]:
    return {"image": catalogue.split_sizes(study.dataset).test}


def _certify(study: Study) -> dict[str, float]:
    return {"distribution": walked(study.certify), "image": study.certify.simulated}


def _gaps(study: Study) -> dict[str, float]:
    gaps = study.gaps
    checks = len(rounds(gaps.steps)) - 1
    compared = gaps.images * (3 * gaps.samples + checks * 2 * CHECK_SAMPLES)
    return {"ascent": gaps.steps, "image": compared / study.evaluate.samples}


def _exact(study: Study) -> dict[str, float]:
    return {"point": MOST_POINTS}


def disk_mb(stage: str, study: Study, depth: int, replicas: int) -> float:
    """Return the MB that a job leaves."""
    sizes = catalogue.split_sizes(study.dataset)
    numbers = {
        "prepare": sum(sizes) * (catalogue.pixels(study.dataset) + 8),
        "train": 4 * parameters(study, depth, replicas),
        "evaluate": 70 * replicas * sizes.test,
    }
    return numbers.get(stage, 0) / 2**20 + _LEFT_MB.get(stage, 0.0)


def starts(stage: str) -> float:
    """Return what a job takes beside its steps, in starts of a stage."""
    return _STARTS.get(stage, 1.0)


_STEPS: dict[str, Callable[[Study], dict[str, float]]] = {
    "train": _train,
    "evaluate": _evaluate,
    "certify": _certify,
    "gaps": _gaps,
    "exact": _exact,
}
