"""The settings of a study as its page tells them: those that had an effect, its own first."""

from __future__ import annotations

import json
from collections.abc import Iterator

from flowdepth.settings.sections import flat
from flowdepth.settings.study import Study

Pairs = list[tuple[str, str]]
# What every study says for itself.
_OWN = ("name", "depths", "seeds")


def protocol(study: Study) -> tuple[Pairs, Pairs]:
    """Return the settings that differ from the defaults, and the others, as paths and text."""
    same = dict(_settings(Study(**{name: getattr(study, name) for name in _OWN})))
    found = [(path, value) for path, value in _settings(study) if _counts(study, path, value)]
    own = [(path, value) for path, value in found if path in _OWN or same.get(path) != value]
    return own, [pair for pair in found if pair not in own]


def _settings(study: Study) -> Iterator[tuple[str, str]]:
    for path, value in flat(json.loads(study.whole())):
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _counts(study: Study, path: str, value: str) -> bool:
    """Return whether a setting had an effect in this study."""
    section, _, name = path.partition(".")
    model, training = study.model, study.training
    without = {
        "model.maxout_window": model.activation != "maxout",
        "model.scale": model.likelihood != "normal",
        "model.scale_start": model.likelihood != "normal",
        "training.momentum": training.optimizer != "rmsprop",
        **{
            f"objective.annealing.{part}": study.objective.annealing.kind == "none"
            for part in ("start", "length", "unit")
        },
    }
    left_out = {"certify": study.certify.images == 0, "gaps": study.gaps.images == 0}
    empty = section == "dataset" and value == "null"
    return not (without.get(path) or empty or (left_out.get(section) and name != "images"))
