from __future__ import annotations

import hypothesis
import pytest
import torch

from checkout import QUICK, Checkout, checkout

pytest_plugins = ["fabricated"]

# The tests' products are tiny: a second thread only waits.
torch.set_num_threads(1)

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("flowdepth", deadline=None)
hypothesis.settings.load_profile("flowdepth")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout without results."""
    return checkout(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def finished(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with the quick study finished."""
    study = fresh.copy(tmp_path_factory.mktemp("finished") / "study")
    done = study.snakemake(*QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    return study
