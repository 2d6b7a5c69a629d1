"""The documentation, built as `make docs` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from checkout import ROOT


def build_site(folder: Path) -> Path:
    """Build the site into a folder, and return it."""
    words = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
