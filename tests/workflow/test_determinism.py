from __future__ import annotations

import json
import re
from pathlib import Path

from checkout import QUICK, Checkout
from damage import contents

COSTS = ("peak_memory_mb", "seconds", "sha256")


def without_costs(path: Path, content: bytes) -> object:
    """Return what two runs of a study must share of a file."""
    if path.name.endswith("provenance.json"):
        return {key: fact for key, fact in json.loads(content).items() if key not in COSTS}
    if path.name == "report.html":
        table = r"<h2>What a seed costs.*?</table>|<th[^>]*>seconds\.\w+</th><td>.*?</td>"
        return re.sub(table, "", content.decode(), flags=re.DOTALL)
    return content


def test_second_run_gives_other_bytes(finished: Checkout, fresh: Checkout, tmp_path: Path) -> None:
    again = fresh.copy(tmp_path / "elsewhere")
    setting = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "77"}
    done = again.snakemake(*QUICK, "--cores", "1", **setting)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = (
        {
            path.relative_to(study.results): without_costs(path, content)
            for path, content in contents(study.results).items()
        }
        for study in (finished, again)
    )
    assert first.keys() == second.keys()
    assert [path for path in first if first[path] != second[path]] == []
    assert "seconds.train" not in str(first[Path("report.html")])
    assert sum(isinstance(content, bytes) for content in first.values()) > 40
