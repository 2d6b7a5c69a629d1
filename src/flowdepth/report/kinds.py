"""What studies of several kinds of flow say of the kinds, in words and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from flowdepth.analysis.kinds import DEPTH, PARAMETERS, differences
from flowdepth.analysis.statistics import decimals
from flowdepth.report.answer import LEVEL, named_depths
from flowdepth.report.typesetting import BRACKET, grouped, intervals, p_value, signed

# Sections in which the studies may not differ, or the kind of flow is not all that differs.
_SHARED = ("dataset", "model", "objective", "training")
_AT = {DEPTH: "At equal depth", PARAMETERS: "At equal numbers of parameters"}


def are_kinds(settings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether studies differ in the kind of flow, and in nothing else that they train."""
    kinds = {one["flow"]["kind"] for one in settings}
    alike = all(one[section] == settings[0][section] for one in settings for section in _SHARED)
    return len(kinds) == len(settings) > 1 and alike


def between(metrics: Mapping[str, pd.DataFrame]) -> tuple[list[str], pd.DataFrame]:
    """Return sentences and a table of every study's flows against those of the first."""
    found, reference = differences(metrics), next(iter(metrics))
    sentences = [
        _sentence(text, reference, found[found["at"] == at])
        for at, text in _AT.items()
        if (found["at"] == at).any()
    ]
    return sentences, _table(found)


def _sentence(where: str, reference: str, rows: pd.DataFrame) -> str:
    parts = [_part(str(name), of_study) for name, of_study in rows.groupby("study", sort=False)]
    return f"{where}, against {reference}: {'; '.join(parts)}."


def _part(name: str, rows: pd.DataFrame) -> str:
    shown = rows["p_holm"] < LEVEL
    better, worse = rows[shown & (rows["mean"] < 0)], rows[shown & (rows["mean"] > 0)]
    said = [
        f"{word} at {named_depths(some['depth'])} ({_by(some)} nats)"
        for word, some in (("better", better), ("worse", worse))
        if len(some)
    ]
    rest = rows.loc[~shown, "depth"]
    if len(rest) == len(rows):
        return f"{name} is not shown to differ"
    if len(rest):
        said.append(f"not shown to differ at {named_depths(rest)}")
    return f"{name} is {', '.join(said)}"


def _by(rows: pd.DataFrame) -> str:
    values = signed(rows["mean"], decimals((rows["high"] - rows["low"]) / 2))
    return ", ".join(values)


def _table(found: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "at equal": found["at"],
            "study": found["study"],
            "K": found["depth"].map(str),
            "parameters": grouped(found["parameters"]),
            "difference [95 %]": intervals(found, "", BRACKET, sign="+"),
            "p": found["p"].map(p_value),
            "p (Holm)": found["p_holm"].map(p_value),
            "seeds": found["seeds"].map(str),
        }
    )
