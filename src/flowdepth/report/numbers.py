"""The numbers of the answer by name, as the tables have them, for a paper's text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from flowdepth.analysis.comparisons import VANILLA
from flowdepth.analysis.results import StudyResults
from flowdepth.report.answer import best_depth, cannot_tell, estimators_share, is_certified
from flowdepth.report.tables import by_importance
from flowdepth.report.typesetting import compared_p, escape_latex, p_value, parts, with_error

Named = Iterator[tuple[str, str]]

_SHARE = ("gain.importance", "gain", "share", "share.low", "share.high")
_ENDS = {"mean": "", "low": ".low", "high": ".high"}
_HEAD = r"""% The numbers of the study as its tables have them, by `snakemake paper`: do not edit.
% \input{numbers}, then \fdnumber{nll.32} in text or mathematics; an unknown name is an error.
\makeatletter
\DeclareRobustCommand{\fdnumber}[1]{\@ifundefined{fdnumber@#1}%
  {\PackageError{flowdepth}{numbers.tex has no number #1}{It lists those of the study.}}%
  {\@nameuse{fdnumber@#1}}}
"""


def numbers(results: StudyResults) -> dict[str, str]:
    """Return the numbers as text, in nats where they have a unit; unknown ones are left out.

    ``nll.32`` is that of K = 32, ``nll.best`` that of the best depth, which has no name where the
    study cannot rank its depths.
    """
    study, summary = results.study, results.summary
    found = {
        "depths": str(len(study.depths)),
        "seeds": str(len(study.seeds)),
        "samples": str(study.evaluate.samples),
        **dict(_by_depth(results)),
    }
    best = None if cannot_tell(summary) else best_depth(summary)
    if best is not None:
        found |= {"best": str(best), **_of_best(found, best)}
        shares = estimators_share(summary, results.compared)
        found |= dict(zip(_SHARE, shares, strict=False))
    return {name: text for name, text in found.items() if text}


def _by_depth(results: StudyResults) -> Named:
    """Yield what the tables say of each depth."""
    summary, compared = results.summary, results.compared
    yield from _column("seeds", summary["depth"], summary["seeds"].map(str))
    yield from _interval("nll", summary, "nll_")
    for texts in by_importance(summary).values():
        yield from _column("importance", summary["depth"], texts)
    if is_certified(summary):
        yield from _bias(results.certificate)
    yield from _interval("difference", summary, "nll_difference_", sign="+")
    vanilla = compared[compared["kind"] == VANILLA]
    yield from _column("p", vanilla["depth"], vanilla["p_holm"].map(p_value))
    yield from _column("p", vanilla["depth"], vanilla["p_holm"].map(compared_p), ".is")


def _interval(name: str, frame: pd.DataFrame, prefix: str, sign: str = "") -> Named:
    texts = parts(frame, prefix, sign)
    for part, end in _ENDS.items():
        yield from _column(name, frame["depth"], texts[part], end)


def _bias(certificate: pd.DataFrame) -> Named:
    found = with_error(certificate["bias_mean"], certificate["bias_se"])
    means, _, errors = zip(*(text.partition(" ± ") for text in found), strict=True)
    yield from _column("bias", certificate["depth"], means)
    yield from _column("bias", certificate["depth"], errors, ".se")


def _column(name: str, depths: Iterable[int], texts: Iterable[str], end: str = "") -> Named:
    for depth, text in zip(depths, texts, strict=True):
        yield f"{name}.{depth}{end}", text


def _of_best(found: Mapping[str, str], best: int) -> dict[str, str]:
    """Return the numbers of the best depth under that name."""
    of_depth = re.compile(rf"\.{best}(?=\.|$)")
    return {
        of_depth.sub(".best", name): text for name, text in found.items() if of_depth.search(name)
    }


def macros(found: Mapping[str, str], remark: str = "") -> str:
    r"""Return the file that makes ``\fdnumber{name}`` the number of that name in LaTeX."""
    comments = [f"% {line}\n" for line in remark.splitlines()]
    lines = [
        rf"\@namedef{{fdnumber@{name}}}{{{_set(text)}}}" + "\n" for name, text in found.items()
    ]
    return "".join([*comments, _HEAD, *lines, "\\makeatother\n"])


def _set(text: str) -> str:
    """Return a number for text and for mathematics alike."""
    return re.sub(r"\$(.*?)\$", r"\\ensuremath{\1}", escape_latex(text))
