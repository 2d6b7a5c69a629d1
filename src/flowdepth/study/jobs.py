"""The jobs of a study: which there are, and what each is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flowdepth.settings.study import Study, pack_name
from flowdepth.study import layout
from flowdepth.study.packs import packs

DATA_STAGES = ("prepare", "describe")
# By stage of the whole study, the sections that it does not depend on.
_APART = {
    "summarise": ("report", "gaps"),
    "figures": ("gaps",),
    "gap_figures": ("report",),
    "posteriors": ("report", "gaps"),
    "tables": ("report", "gaps"),
    "paper": ("gaps",),
    "report": (),
}


@dataclass(frozen=True)
class Job:
    """A stage at work in ``folder``: that of a pack of seeds at one depth, or the study's."""

    stage: str
    folder: Path
    depth: int | None = None
    seeds: tuple[int, ...] = ()

    @property
    def record(self) -> Path:
        """The provenance of what it wrote."""
        return layout.provenance(self.stage, self.folder)

    @property
    def log(self) -> Path:
        """Where it tells what it does."""
        if self.depth is None:
            return layout.log(self.folder, self.stage)
        cell = layout.cell(self.depth, pack_name(self.seeds))
        return layout.log(self.folder.parent.parent, self.stage, cell)


def jobs(study: Study, folder: Path) -> Iterator[Job]:
    """Yield the jobs of a study whose results lie in ``folder``, in the order of the data."""
    yield from (Job(stage, folder) for stage in DATA_STAGES)
    cells = [
        (layout.pack(folder, depth, name), depth, seeds)
        for depth in study.depths
        for name, seeds in packs(study, folder, depth).items()
    ]
    for stage in filter(lambda stage: wants(study, stage), layout.PACK_OUTPUTS):
        yield from (Job(stage, *cell) for cell in cells)
    yield from (Job(stage, folder) for stage in _APART if wants(study, stage))


def wants(study: Study, stage: str) -> bool:
    """Return whether a study has this stage."""
    splits_the_gap = study.gaps.images > 0
    asked = {
        "certify": study.certify.images > 0,
        "exact": study.evaluate.exact,
        "gaps": splits_the_gap,
        "gap_figures": splits_the_gap,
        "posteriors": study.model.latent == 2,
    }
    return asked.get(stage, True)


def settings(study: Study, stage: str) -> str:
    """Return what a stage depends on, as canonical JSON; where the data lie does not count."""
    if stage in DATA_STAGES:
        return study.dataset.canonical({"root"})
    if stage in layout.PACK_OUTPUTS:
        return study.pack_settings(stage)
    return study.whole(*_APART[stage])
