"""The page docs/own_flow.md."""

from __future__ import annotations

import re

import pytest

from checkout import ROOT

PAGE = (ROOT / "docs" / "own_flow.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SOURCES = [
    (ROOT / "src" / "flowdepth" / name).read_text()
    for name in ("model/flows/radial.py", "settings/flows.py")
]


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("(")[0].strip() for block in BLOCKS])
def test_every_block_is_in_the_code(block: str) -> None:
    assert any(block in source for source in SOURCES)


def test_page_has_seven_blocks() -> None:
    assert len(BLOCKS) == 7
