from __future__ import annotations

import copy
from typing import Any

import pandas as pd

from flowdepth.report.kinds import are_kinds, between
from flowdepth.settings.study import read_study


def settings(**own: object) -> dict[str, Any]:
    whole = {"name": "t", "depths": [0, 2], "seeds": [0, 1]} | own
    return read_study(whole).model_dump(mode="json")


def metrics(nll: list[float], parameters: int) -> pd.DataFrame:
    """Of K = 0, where every seed has 90, and of K = 2."""
    rows = [(0, seed, 90.0, 1000) for seed in range(len(nll))]
    rows += [(2, seed, value, parameters) for seed, value in enumerate(nll)]
    return pd.DataFrame(rows, columns=["depth", "seed", "nll", "parameters"])


PLANAR = metrics([89.0, 89.1, 89.2, 89.1], 2000)
WORSE = metrics([89.5, 89.61, 89.69, 89.6], 1500)
BETTER = metrics([88.5, 88.61, 88.69, 88.6], 3000)
ALIKE = metrics([89.1, 89.0, 89.25, 89.1], 2000)


def test_studies_that_differ_in_the_kind_of_flow_alone_are_kinds() -> None:
    planar, other = settings(), settings(name="u", flow="householder", depths=[0, 4])
    assert are_kinds([planar, other])
    assert not are_kinds([planar])
    assert not are_kinds([planar, copy.deepcopy(planar)])
    assert not are_kinds([planar, settings(flow="householder", training={"epochs": 7})])


def test_sentences_say_which_kind_is_shown_to_be_better() -> None:
    studies = {"planar": PLANAR, "other": WORSE, "third": BETTER, "fourth": ALIKE}
    sentences, table = between(studies)
    assert sentences[0] == (
        "At equal depth, against planar: other is worse at K = 2 (+0.500 nats); third is better at "
        "K = 2 (−0.500 nats); fourth is not shown to differ."
    )
    assert sentences[1].startswith("At equal numbers of parameters, against planar: other is ")
    assert "third" not in sentences[1]  # larger than any of the reference
    assert table["K"].tolist() == ["2"] * 5
    assert table["parameters"].tolist()[0] == "1,500"
