"""Which packs of seeds a study has at a depth: trained ones where they fit, and new ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.settings.study import Study, in_packs
from flowdepth.study import layout, provenance

Packs = dict[str, tuple[int, ...]]


def packs(study: Study, folder: Path, depth: int) -> Packs:
    """Return the packs at ``depth`` whose seeds are those of the study, and maybe more, by name.

    Those trained with its settings are taken, the ones with most of its seeds first, unless they
    share one of these with a pack already taken: neither another ``seeds_per_job`` nor a seed less
    trains anything again.
    """
    own = study.packs()
    there = {path.name for path in layout.pack(folder, depth, "").parent.glob("seeds*")}
    if there <= {f"seeds{name}" for name in own}:
        return own
    trained = dict(_trained(study, folder, depth))
    wanted = {name: {*seeds} & {*study.seeds} for name, seeds in trained.items()}
    missing, found = list(study.seeds), Packs()
    for name in sorted(trained, key=lambda name: (-len(wanted[name]), name)):
        if wanted[name] and wanted[name] <= {*missing}:
            found[name] = trained[name]
            missing = [seed for seed in missing if seed not in wanted[name]]
    return found | in_packs(missing, study.seeds_per_job)


def folders(study: Study, folder: Path) -> list[Path]:
    """Return the folders of all packs of a study, by depth and then by seeds."""
    return [
        layout.pack(folder, depth, name)
        for depth in study.depths
        for name in packs(study, folder, depth)
    ]


def _trained(study: Study, folder: Path, depth: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    wanted = json.loads(study.pack_settings("train"))
    for pack in layout.pack(folder, depth, "").parent.glob("seeds*"):
        try:
            facts = provenance.read(layout.provenance("train", pack))
        except UserError:
            continue  # not finished, or damaged, which is told elsewhere
        if facts["settings"] == wanted and facts["depth"] == depth:
            yield pack.name.removeprefix("seeds"), tuple(facts["seeds"])
