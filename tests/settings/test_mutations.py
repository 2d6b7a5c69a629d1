"""No configuration, however wrong, ends in anything but a study or one clear refusal."""

from __future__ import annotations

import re
from typing import Any

import hypothesis
import pytest

from flowdepth.base.errors import UserError
from flowdepth.settings.study import read_study
from flowdepth.study.check import check
from mutations import DEFAULT, mutated, places

KEYS = {step for place in places(DEFAULT) for step in place if isinstance(step, str)}


def refusal(study: dict[str, Any]) -> str:
    """What is said against the study; nothing where it is accepted."""
    try:
        accepted = read_study(study)
        check(accepted)
    except UserError as error:
        return str(error)
    assert read_study(accepted.model_dump(mode="json")) == accepted
    return ""


@hypothesis.settings(max_examples=600)
@hypothesis.given(mutated())
def test_mutated_configuration_is_accepted_or_refused_by_its_keys(study: dict[str, Any]) -> None:
    lines = refusal(study).encode().decode().splitlines()
    for line in lines[1:] or lines:
        assert any(re.search(rf"\b{key}\b", line) for key in KEYS)
        assert len(line) < 1000


@pytest.mark.parametrize("key", [None, 3, 2.5, True, ("a", "b"), b"name"])
def test_key_that_is_no_text_is_refused(key: object) -> None:
    for study in ({**DEFAULT, key: 1}, {**DEFAULT, "training": {key: 1}}):
        with pytest.raises(UserError, match=str(key)[:4].replace("(", r"\(")):
            read_study(study)


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "9" * 5000, "9" * 40])
def test_number_without_end_is_refused(number: str) -> None:
    """YAML reads hexadecimal numbers longer than Python would ever write."""
    value = int(number, 16) if number.startswith("0x") else number
    for study in ({**DEFAULT, "seeds": [value]}, {**DEFAULT, "training": {"batch_size": value}}):
        assert re.search(r"seeds\.0|training\.batch_size", refusal(study))
