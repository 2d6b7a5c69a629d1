"""summary.csv -> the table of the study as Markdown, LaTeX and CSV, all of the same words."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from flowdepth.config import Study
from flowdepth.files import write_text
from flowdepth.results import SUMMARY, read_study_table
from flowdepth.stages.command import run
from flowdepth.statistics import decimals

PLUS_MINUS = "{mean} ± {half}"
BRACKET = "{mean} [{low}, {high}]"
NO_INTERVAL = "{mean} (one seed: no interval)"


def table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text, a row per depth."""
    columns = {
        "K": summary["depth"].map(str),
        "seeds": [_seeds(row.seeds, row.failed) for row in summary.itertuples()],
        "−ELBO ± 95 %": _column(summary, "neg_elbo", PLUS_MINUS),
        "NLL [95 %]": _column(summary, "nll", BRACKET),
        "difference from K = 0 [95 %]": _column(summary, "nll_difference", BRACKET, sign="+"),
    }
    if "bits_per_dim_mean" in summary:
        columns["bits/dim"] = _plain(summary["bits_per_dim_mean"], 3)
    seconds = summary["train_seconds_mean"] + summary["evaluate_seconds_mean"]
    columns |= {
        "active units": _plain(summary["active_units_mean"], 1),
        "ESS": _plain(summary["ess_mean"], 0),
        "parameters": _plain(summary["parameters"], 0),
        "seconds per seed": _plain(seconds, 1),
    }
    frame = pd.DataFrame(columns)
    estimates = [name for name in frame if name not in ("K", "seeds", "seconds per seed")]
    frame.loc[(summary["seeds"] == 0).to_numpy(), estimates] = "failed"
    return frame


def _seeds(finished: int, failed: int) -> str:
    return f"{finished} ({failed} failed)" if failed else str(finished)


def _column(summary: pd.DataFrame, name: str, form: str, sign: str = "") -> list[str]:
    parts = summary[[f"{name}_{part}" for part in ("mean", "low", "high")]]
    places = decimals((parts[f"{name}_high"] - parts[f"{name}_low"]) / 2)
    # z: a rounded -0.00 is written 0.00
    return [_cell(*row, form, f"{sign}z.{places}f") for row in parts.itertuples(index=False)]


def _cell(mean: float, low: float, high: float, form: str, digits: str) -> str:
    if math.isnan(mean):
        return ""
    half = f"{(high - low) / 2:{digits.lstrip('+')}}"
    mean_, low_, high_ = (f"{value:{digits}}" for value in (mean, low, high))
    chosen = NO_INTERVAL if math.isnan(low) else form
    return chosen.format(mean=mean_, low=low_, high=high_, half=half).replace("-", "−")


def _plain(values: pd.Series, places: int) -> list[str]:
    return ["" if pd.isna(value) else f"{value:.{places}f}" for value in values]


def markdown(frame: pd.DataFrame) -> str:
    """Return the table as aligned Markdown, numbers to the right."""
    widths = [max(len(name), *frame[name].map(len)) for name in frame]

    def line(cells: Iterator[str]) -> str:
        padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |\n"

    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|\n"
    rows = (line(iter(row)) for row in frame.itertuples(index=False))
    return line(iter(frame)) + rule + "".join(rows)


def latex(frame: pd.DataFrame) -> str:
    """Return the table as a LaTeX ``tabular`` with booktabs' rules."""
    lines = [" & ".join(map(_escape, row)) + r" \\" for row in frame.itertuples(index=False)]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{'r' * frame.shape[1]}}}",
            r"\toprule",
            " & ".join(map(_escape, frame)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _escape(text: str) -> str:
    """Return ``text`` for LaTeX: signs and numbers in mathematics, the rest as it stands."""
    commands = {"%": r"\%", "±": r"$\pm$", "−": "$-$", "+": "$+$", "K = 0": "$K = 0$"}
    for plain, command in commands.items():
        text = text.replace(plain, command)
    return text


def main() -> None:
    """Write the table in its three forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the whole study as JSON")
    parser.add_argument("--summary", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")
    args = parser.parse_args()
    study = Study.model_validate_json(args.settings)
    frame = table(read_study_table(args.summary, SUMMARY, study))
    write_text(args.output / "nll_by_depth.md", markdown(frame))
    write_text(args.output / "nll_by_depth.tex", latex(frame))
    write_text(args.output / "nll_by_depth.csv", frame.to_csv(index=False))
    print(markdown(frame))


if __name__ == "__main__":
    run(main)
