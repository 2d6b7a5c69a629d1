from __future__ import annotations

import subprocess
import sys

import pytest

from flowdepth.data.published import archive_sums
from flowdepth.data.readers import idx
from flowdepth.settings.datasets import KNOWN


@pytest.mark.parametrize("name", idx.NAMES)
def test_torchvision_knows_every_archive_that_a_data_set_needs(name: str) -> None:
    needed = {places[0].rpartition("/")[2] for places in KNOWN[name].files}
    assert needed <= archive_sums(idx.NAMES[name]).keys()


def test_nothing_but_published_images_imports_torchvision() -> None:
    code = "import sys, flowdepth.data.readers.idx, flowdepth.stages.prepare; print(*sys.modules)"
    words = [sys.executable, "-c", code]
    imported = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    assert "flowdepth.data.published" in imported
    assert "torchvision" not in imported
