"""A flow of one's own takes the two files that docs/own_flow.md names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from checkout import QUICK, Checkout

LINE = '    "radial": Size(vectors=1, numbers=2),\n'


def test_flow_needs_more_than_its_module_and_a_line(fresh: Checkout, tmp_path: Path) -> None:
    study = fresh.copy(tmp_path / "study")
    package = study.folder / "src" / "flowdepth"
    flows, known = package / "model" / "flows", package / "settings" / "flows.py"
    (flows / "outward.py").write_text((flows / "radial.py").read_text())
    known.write_text(known.read_text().replace(LINE, LINE + LINE.replace("radial", "outward")))
    done = study.snakemake("K2", *QUICK, "--config", "flow=outward")
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = pd.read_csv(study.results / "K2" / "seeds0+1" / "metrics.csv")
    assert (metrics["status"] == "done").all()
    (flows / "outward.py").write_text((flows / "radial.py").read_text() + "EDITED = 1\n")
    again = study.jobs("K2", *QUICK, "--config", "flow=outward")
    assert "train K = 2, seeds 0+1" in again
