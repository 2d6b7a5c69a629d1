from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flowdepth.analysis.summary import study_tables
from flowdepth.report import tables
from flowdepth.report.typesetting import latex, markdown, p_value
from flowdepth.settings.study import Study

Fabricate = Callable[..., tuple[Study, list[Path]]]

HOSTILE = r"<script>alert(1)</script> R&D a|b x_y 5 % #1 $2 {c} ~ ^ \input{evil} `ls`"
TABLE = pd.DataFrame({HOSTILE: ["1"], "K": [HOSTILE]})


def test_text_is_no_markup_in_markdown() -> None:
    for line in markdown(TABLE).splitlines():
        bare = line.replace("\\\\", "").replace(r"\|", "").replace(r"\<", "").replace(r"\&", "")
        assert bare.count("|") == 3
        assert not {"<", "&"} & set(bare)
        assert "`" not in bare.replace(r"\`", "")


def test_a_line_break_ends_no_row_of_markdown() -> None:
    assert len(markdown(pd.DataFrame({"K": ["1\n2"]})).splitlines()) == 3


def test_text_is_no_command_in_latex() -> None:
    cell = (
        r"$<$script$>$alert(1)$<$/script$>$ R\&D a\textbar{}b x\_y 5 \% \#1 \$2 \{c\} "
        r"\textasciitilde{} \textasciicircum{} \textbackslash{}input\{evil\} "
        r"\textasciigrave{}ls\textasciigrave{}"
    )
    assert rf"1 & {cell} \\" in latex(TABLE).splitlines()


def test_words_of_the_tables_are_escaped_as_text() -> None:
    words = pd.DataFrame({"K = 0": ["−0.1 ± 0.2"], "k_hat > 0.7": ["5 %"]})
    assert latex(words).splitlines()[3:6:2] == [
        r"$K = 0$ & $\hat k$ $>$ 0.7 \\",
        r"$-$0.1 $\pm$ 0.2 & 5 \% \\",
    ]


def all_tables(results: tuple[Study, list[Path]]) -> dict[str, pd.DataFrame]:
    found = study_tables(*results)
    return {
        "nll_by_depth": tables.nll_by_depth(found["summary"]),
        "errors": tables.errors(found["summary"], found["convergence"]),
        "comparisons": tables.comparisons(found["comparisons"]),
    }


def test_markdown_is_aligned(fabricate: Fabricate) -> None:
    lines = markdown(all_tables(fabricate(failed=[(4, 1)]))["nll_by_depth"]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert {tuple(i for i, c in enumerate(line) if c == "|") for line in lines} == {
        tuple(i for i, c in enumerate(lines[0]) if c == "|")
    }


def test_latex_has_only_what_latex_can_read(fabricate: Fabricate) -> None:
    text = latex(all_tables(fabricate())["nll_by_depth"])
    assert text.isascii()
    body = text.split(r"\toprule")[1]
    assert body.count("%") == body.count(r"\%") == 3


def test_latex_of_every_table_is_ascii(fabricate: Fabricate) -> None:
    for table in all_tables(fabricate(failed=[(4, 1)], doubtful=[0])).values():
        assert latex(table).isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(fabricate: Fabricate, tmp_path: Path) -> None:
    found = all_tables(fabricate(failed=[(4, 1)], doubtful=[0])).values()
    head = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
    body = "\n\n".join(map(latex, found))
    (tmp_path / "table.tex").write_text(f"{head}{body}\\end{{document}}\n")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_a_p_value_is_never_rounded_to_zero() -> None:
    assert [p_value(p) for p in (1e-7, 0.0123, float("nan"))] == ["< 0.001", "0.012", ""]
