"""What a study's results hold, and what of it two runs of the study must share to the byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

from checkout import Checkout

COSTS = ("peak_memory_mb", "seconds", "sha256")


def contents(results: Path) -> dict[Path, bytes]:
    """Return the content of every file of a study but logs."""
    files = (path for path in results.rglob("*") if path.is_file() and "logs" not in path.parts)
    return {path: path.read_bytes() for path in files}


def shared(study: Checkout) -> dict[Path, object]:
    """Return what two runs of a study must share of each of these files, by its place."""
    return {
        path.relative_to(study.results): _without_costs(path, content)
        for path, content in contents(study.results).items()
    }


def _without_costs(path: Path, content: bytes) -> object:
    if path.name.endswith("provenance.json"):
        # The report tells what the study has cost.
        apart = (*COSTS, "outputs") if path.name.startswith("report.") else COSTS
        return {key: fact for key, fact in json.loads(content).items() if key not in apart}
    if path.name == "report.html":
        heading = r"[\d.]+ (?:s|min|h) on [^·]* ·"
        table = r"<section id=.cost.>.*?</section>|<th[^>]*>seconds\.\w+</th><td>.*?</td>"
        return re.sub(f"{heading}|{table}", "", content.decode(), flags=re.DOTALL)
    return content
