from __future__ import annotations

import pandas as pd

from flowdepth.report.typesetting import latex, markdown

HOSTILE = r"<script>alert(1)</script> R&D a|b x_y 5 % #1 $2 {c} ~ ^ \input{evil} `ls`"
TABLE = pd.DataFrame({HOSTILE: ["1"], "K": [HOSTILE]})


def test_text_is_markup_in_markdown() -> None:
    for line in markdown(TABLE).splitlines():
        bare = line.replace("\\\\", "").replace(r"\|", "").replace(r"\<", "").replace(r"\&", "")
        assert bare.count("|") == 3
        assert not {"<", "&"} & set(bare)
        assert "`" not in bare.replace(r"\`", "")


def test_line_break_ends_a_row_of_markdown() -> None:
    assert len(markdown(pd.DataFrame({"K": ["1\n2"]})).splitlines()) == 3


def test_text_is_a_command_in_latex() -> None:
    cell = (
        r"$<$script$>$alert(1)$<$/script$>$ R\&D a|b x\_y 5 \% \#1 \$2 \{c\} \textasciitilde{} "
        r"\textasciicircum{} \textbackslash{}input\{evil\} `ls`"
    )
    assert rf"1 & {cell} \\" in latex(TABLE).splitlines()


def test_words_of_the_tables_are_escaped_as_text() -> None:
    words = pd.DataFrame({"K = 0": ["−0.1 ± 0.2"], "k_hat > 0.7": ["5 %"]})
    assert latex(words).splitlines()[3:6:2] == [
        r"$K = 0$ & $\hat k$ $>$ 0.7 \\",
        r"$-$0.1 $\pm$ 0.2 & 5 \% \\",
    ]
