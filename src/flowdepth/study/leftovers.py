"""The unfinished work that finished stages leave, for a stop before their results were taken."""

from __future__ import annotations

from pathlib import Path

from flowdepth.base.files import remove
from flowdepth.study import layout


def forget(pack: Path, *stages: str) -> None:
    """Remove it from a pack's folder where the stages ended well: of all stages, or of these.

    Called by what runs later, when Snakemake has taken their outputs for whole. One that is stopped
    between a job's last write and the end of the job removes them.
    """
    for stage in stages or layout.PACK_OUTPUTS:
        if layout.provenance(stage, pack).exists():
            remove(layout.unfinished(stage, pack))
