"""What the linter refuses: calls that could run code from a file, or hand text to a shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFUSED = {
    "pickle": "import pickle",
    "part of pickle": "from pickle import loads",
    "dill": "import dill",
    "joblib": "import joblib",
    "shelve": "import shelve",
    "torch.load": "import torch\ntorch.load('x')",
    "torch.load, renamed": "from torch import load as read\nread('x')",
    "torch.save": "import torch\ntorch.save({}, 'x')",
    "numpy.load": "import numpy as np\nnp.load('x', allow_pickle=True)",
    "pandas.read_pickle": "import pandas as pd\npd.read_pickle('x')",
    "yaml.load": "import yaml\nyaml.load('x', yaml.Loader)",
    "eval": "eval('1')",
    "tarfile": "import tarfile\ntarfile.open('x').extractall('.')",
    "shell": "import subprocess\nsubprocess.run('ls', shell=True)",
    "os.system": "import os\nos.system('ls')",
}


@pytest.mark.parametrize("code", REFUSED.values(), ids=REFUSED)
def test_linter_refuses_a_dangerous_call(code: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise"]
    command += ["--select", "S,TID251", "--stdin-filename", "src/flowdepth/new.py", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "src/flowdepth/new.py:" in done.stdout


def test_ban_is_lifted_for_files_of_tensors_alone() -> None:
    """Without pickle's objects: a file that holds others is refused (tests/data/own)."""
    lifted = [
        line.strip()
        for path in sorted((ROOT / "src").rglob("*.py"))
        for line in path.read_text().splitlines()
        if "noqa" in line and ("TID251" in line or "S30" in line)
    ]
    (line,) = lifted
    assert "torch.load(path, " in line
    assert "weights_only=True" in line
