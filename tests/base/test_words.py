from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flowdepth.base.words import duration, plain, reason

SPEAK = """
import sys
from flowdepth.base.words import escape_output
escape_output()
for stream in (sys.stdout, sys.stderr):
    print("é ☃ \\udce9", file=stream)
"""


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("ascii", r"\xe9 \u2603 \udce9"),
        ("ascii:strict", r"\xe9 \u2603 \udce9"),
        ("latin-1", r"é \u2603 \udce9"),
        ("utf-8", r"é ☃ \udce9"),
    ],
)
def test_a_terminal_gets_its_own_characters_and_the_others_escaped(
    encoding: str, words: str
) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", SPEAK]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    expected = f"{words}\n".encode(encoding.partition(":")[0])
    assert (done.stdout, done.stderr) == (expected, expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("images", "images"),
        ("é b", "é b"),
        ("", ""),
        ("\x1b[2J", r"'\x1b[2J'"),
        ("a\nb", r"'a\nb'"),
        ("\u202eabc", r"'\u202eabc'"),
        ("x" * 1000, f"{'x' * 200}..."),
    ],
)
def test_text_of_others_cannot_command_a_terminal(text: str, words: str) -> None:
    assert plain(text) == words


def test_reasons_are_one_line() -> None:
    assert reason(ValueError("two\n  lines")) == "two lines"
    assert reason(EOFError()) == "EOFError"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.6, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3599.9, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
