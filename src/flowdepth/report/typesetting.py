"""Numbers as text, and tables of text as Markdown and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from flowdepth.analysis.statistics import decimals
from flowdepth.base.files import write_text

PLUS_MINUS = "{mean} ± {half}"
BRACKET = "{mean} [{low}, {high}]"
NO_INTERVAL = "{mean} (one seed: no interval)"


def intervals(frame: pd.DataFrame, prefix: str, form: str, sign: str = "") -> list[str]:
    """Return the columns ``<prefix>mean``, ``low`` and ``high`` as text with equal decimals."""
    rows = parts(frame, prefix, sign).to_dict("records")
    return [_interval({str(name): text for name, text in row.items()}, form) for row in rows]


def parts(frame: pd.DataFrame, prefix: str, sign: str = "") -> pd.DataFrame:
    """Return what `intervals` sets as columns of text, and their ``half`` width.

    Unknown ones are empty; with a ``sign`` of ``+`` all but the last have theirs.
    """
    half = (frame[f"{prefix}high"] - frame[f"{prefix}low"]) / 2
    places = decimals(half)
    write = signed if sign else plain
    texts = {name: write(frame[f"{prefix}{name}"], places) for name in ("mean", "low", "high")}
    return pd.DataFrame({**texts, "half": plain(half, places)})


def _interval(texts: Mapping[str, str], form: str) -> str:
    if not texts["mean"]:
        return ""
    return (form if texts["low"] else NO_INTERVAL).format(**texts)


def with_error(means: pd.Series, errors: pd.Series) -> list[str]:
    """Return differences with their standard errors as text with equal decimals."""
    places = decimals(errors)
    halves = [f" ± {error}" if error else "" for error in plain(errors, places)]
    return [mean + half for mean, half in zip(signed(means, places), halves, strict=True)]


def minus(number: str) -> str:
    """Return a number with the minus sign of mathematics, as wide as its plus."""
    return number.replace("-", "−")


def signed(values: Iterable[float], places: int) -> list[str]:
    """Return differences as text with their sign; unknown ones are empty."""
    return ["" if pd.isna(value) else minus(f"{value:+z.{places}f}") for value in values]


def plain(values: Iterable[float], places: int) -> list[str]:
    """Return numbers as text; unknown ones are empty."""
    # z: a rounded -0.00 is written 0.00
    return ["" if pd.isna(value) else minus(f"{value:z.{places}f}") for value in values]


def grouped(values: Iterable[float]) -> list[str]:
    """Return whole numbers as text, their thousands apart; unknown ones are empty."""
    return ["" if pd.isna(value) else f"{value:,.0f}" for value in values]


def significant(values: Iterable[float]) -> list[str]:
    """Return errors with two significant digits of the median one; unknown ones are empty."""
    known = list(values)
    return plain(known, decimals(known))


def percent(values: Iterable[float]) -> list[str]:
    """Return shares in per cent; unknown ones are empty."""
    return ["" if pd.isna(value) else f"{100 * value:.1f} %" for value in values]


def p_value(p: float) -> str:
    """Return a p-value with three decimals; an unknown one is empty."""
    if math.isnan(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def compared_p(p: float) -> str:
    """Return what follows the letter p: ``= 0.022`` or ``< 0.001``; empty where unknown."""
    text = p_value(p)
    return text if not text or text.startswith("<") else f"= {text}"


def markdown(frame: pd.DataFrame) -> str:
    """Return the table as aligned Markdown, numbers to the right."""
    frame = frame.map(_escape_markdown).rename(columns=_escape_markdown)
    names = [*map(str, frame)]
    widths = [max(len(name), *frame[name].map(len), 1) for name in names]

    def line(cells: Iterator[str]) -> str:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |\n"

    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|\n"
    rows = (line(iter(row)) for row in frame.itertuples(index=False))
    return line(iter(names)) + rule + "".join(rows)


def latex(frame: pd.DataFrame, marked: Collection[str] = ()) -> str:
    """Return the table as a LaTeX ``tabular`` with booktabs' rules; rows that start so are bold."""
    lines = [_latex_row(row, row[0] in marked) for row in frame.itertuples(index=False)]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{'r' * frame.shape[1]}}}",
            r"\toprule",
            " & ".join(map(escape_latex, map(str, frame))) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _latex_row(cells: Sequence[str], is_marked: bool) -> str:
    first, *others = map(escape_latex, cells)
    return " & ".join([rf"\textbf{{{first}}}" if is_marked else first, *others]) + r" \\"


def _escape_markdown(text: str) -> str:
    """Return ``text`` for one cell, without what Markdown takes for markup."""
    return re.sub(r"[\\|&`]|<(?=\S)", r"\\\g<0>", " ".join(text.splitlines()))


def write_table(frame: pd.DataFrame, folder: Path, name: str) -> list[Path]:
    """Write a table of text as CSV, Markdown and LaTeX, and print it; return the three paths."""
    forms = {"csv": frame.to_csv(index=False), "md": markdown(frame), "tex": latex(frame)}
    for form, text in forms.items():
        write_text(folder / f"{name}.{form}", text)
    print(forms["md"])
    return [folder / f"{name}.{form}" for form in forms]


_COMMANDS = {
    **{sign: f"\\{sign}" for sign in "%&#_{}$"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    # As other characters, or part of quotation marks, in TeX's own fonts.
    **{"|": r"\textbar{}", "`": r"\textasciigrave{}"},
    "±": r"$\pm$",
    "−": "$-$",
    "+": "$+$",
    "–": "--",
    "†": r"$^\dagger$",
    "k_hat": r"$\hat k$",
    "<": "$<$",
    ">": "$>$",
}
_COMMAND = re.compile("|".join(map(re.escape, sorted(_COMMANDS, key=len, reverse=True))))


def escape_latex(text: str) -> str:
    """Return ``text`` for LaTeX: signs and numbers in mathematics, the rest as it reads."""
    text = _COMMAND.sub(lambda found: _COMMANDS[found.group()], text)
    return re.sub(r"\b([KS]) = (\d+)", r"$\1 = \2$", text)
