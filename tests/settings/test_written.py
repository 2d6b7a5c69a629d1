"""Texts that YAML reads otherwise than they were meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowdepth.base.errors import UserError
from flowdepth.settings.written import check_file, read

ROOT = Path(__file__).parents[2]


def bomb(levels: int, kind: str) -> str:
    """A text of so many lines that stands for 9 ** levels values."""
    lines = ["a0: &a0 x"]
    for level in range(1, levels + 1):
        alias = f"*a{level - 1}"
        inner = [alias] * 9 if kind == "list" else [f"b{i}: {alias}" for i in range(9)]
        inside = "[{}]" if kind == "list" else "{{{}}}"
        lines.append(f"a{level}: &a{level} {inside.format(', '.join(inner))}")
    return "\n".join(lines)


REFUSED = {
    "a key twice": ("a: 1\nb: 2\na: 3", "line 3: the key a is given twice, first on line 1"),
    "a section twice": (
        "training:\n  epochs: 2\nseeds: [0]\ntraining:\n  patience: 3",
        "line 4: the key training is given twice, first on line 1; put the two together",
    ),
    "inside a list": ("a:\n- {b: 1, b: 1}", "line 2: the key b is given twice, first on line 2"),
    "in JSON": ('{"a": 1,\n "a": 2}', "line 2: the key a is given twice"),
    "a key that is no text": ('"\\e[2J": 1\n"\\e[2J": 2', r"the key '\x1b[2J' is given twice"),
    "octal": ("a: 010", "line 1: found 010, which YAML reads in base 8; write a number without"),
    "octal in a list": ("a: [1,\n +0_7]", "line 2: found +0_7, which YAML reads in base 8"),
    "endless octal": (f"a: 0{'7' * 9000}", "7..., which YAML reads in base 8"),
    "minutes": ("a: 1:30", "line 1: found 1:30, which YAML reads in base 60; write a number"),
    "seconds": ("a: 1:30.5", "found 1:30.5, which YAML reads in base 60"),
    "key in base 60": ("12:30: a", "found 12:30, which YAML reads in base 60"),
    "a bomb of lists": (bomb(30, "list"), "line 7: aliases make more than 100,000 values; write"),
    "a bomb of mappings": (bomb(30, "mapping"), "aliases make more than 100,000 values; write"),
    "a bomb through merges": (
        "a: &a {b: &b [x]}\nc: {<<: *a, <<: *a}",
        "the key << is given twice",
    ),
    "itself": ("a: &a [1, *a]", "line 1: aliases make more than 100,000 values; write them out"),
    "depth": ("[" * 5000 + "]" * 5000, "found values nested too deeply"),
    "no YAML": ("a: b: c", "found no YAML (mapping values are not allowed here"),
    "a control character": ("a: \x07", "found no YAML (unacceptable character #x0007"),
    "a 13th month": ("a: 2024-13-01", "found no YAML (month must be in 1..12); correct it"),
    "an endless number": (f"a: {'9' * 5000}", "found no YAML (Exceeds the limit (4300 digits)"),
    "code": ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_text_that_is_not_what_was_meant_is_refused_in_words(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        check_file(path)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 0\nb: -0\nc: 10\nd: 1_000", {"a": 0, "b": 0, "c": 10, "d": 1000}),
        ("a: 0.5\nb: 00.5\nc: 0x10", {"a": 0.5, "b": 0.5, "c": 16}),
        ("a: '010'\nb: '1:30'\nc: 1:30 pm", {"a": "010", "b": "1:30", "c": "1:30 pm"}),
        ("x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: *x", None),
        (bomb(4, "list"), None),
        ("", None),
        ("[0, 4]", [0, 4]),
    ],
)
def test_other_texts_say_what_they_say(text: str, value: object) -> None:
    assert value in (None, read(text, "here"))


def test_files_that_snakemake_reads_are_read(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps({"a": {"b": "c\td"}}, indent="\t"))
    shipped = [ROOT / "config.yaml", *(ROOT / "studies").glob("*.yaml")]
    for path in (*shipped, tmp_path / "own.json", tmp_path / "missing.yaml"):
        check_file(path)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes("title: é".encode("latin-1"))
    with pytest.raises(UserError, match=rf"{path}: found no text in UTF-8 .*; save it as that"):
        check_file(path)
