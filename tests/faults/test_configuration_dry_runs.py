"""Mutated configurations through a real dry run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

from checkout import Checkout, checkout
from faults.quick import FEW, Record
from mutations import mutated

pytestmark = pytest.mark.faults
CASES = 8 if FEW else 60


def outcome(study: Checkout) -> str:
    """How a dry run of the study ends."""
    done = study.snakemake("--dry-run")
    output = done.stdout + done.stderr
    if "Traceback" in output:
        return f"traceback: {output.strip().splitlines()[-1]}"
    if done.returncode == 0:
        return "accepted"
    return "refused" if "WorkflowError" in output else output


def test_dry_run_of_a_mutated_configuration_is_accepted_or_refused(
    tmp_path: Path, record_property: Record
) -> None:
    study = checkout(tmp_path)
    outcomes: list[str] = []

    @hypothesis.settings(max_examples=CASES, phases=[hypothesis.Phase.generate], database=None)
    @hypothesis.given(mutated())
    def run(configuration: dict[str, Any]) -> None:
        text = yaml.safe_dump(configuration, allow_unicode=True)
        (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
        outcomes.append(outcome(study))

    run()
    tracebacks = [found for found in outcomes if found.startswith("traceback")]
    counts = {kind: outcomes.count(kind) for kind in ("accepted", "refused")}
    record_property("configurations", f"{counts}, {len(tracebacks)} tracebacks")
    assert [found for found in outcomes if found not in counts] == []
