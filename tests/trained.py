"""Images and models, untrained, in the folder of a study, and the command lines of its stages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from flowdepth.data import prepared
from flowdepth.data.prepare import prepare
from flowdepth.data.prepared import Images
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.sections import Dataset, TrainSettings
from flowdepth.settings.study import Study, pack_name
from flowdepth.study import layout
from helpers import leave_provenance

SEEDS = (3, 7)


def header(
    settings: TrainSettings,
    depth: int = 2,
    seeds: Sequence[int] = SEEDS,
    failed: Sequence[int] = (),
) -> checkpoint.Header:
    """What the model of a pack says of itself; its images have 64 pixels."""
    outcomes = [
        {"seed": seed, "status": "failed" if seed in failed else "done", "message": ""}
        | {"best_epoch": 1, "epochs": 1}
        for seed in seeds
    ]
    return checkpoint.Header(settings, depth, 8, 8, outcomes)


def leave_images(folder: Path, images: Images | None = None) -> None:
    """Leave in a study's folder what stage prepare does."""
    path = layout.outputs("prepare", folder)["images"]
    prepared.save(prepare(Dataset()) if images is None else images, path)
    leave_provenance(path.parent, "prepare", [path.name])


def leave_models(folder: Path, study: Study, failed: Sequence[int] = ()) -> None:
    """Leave in a study's folder the models that stage train does."""
    for depth in study.depths:
        for name, seeds in study.packs().items():
            said = header(study.train_settings(), depth, seeds, failed)
            path = layout.outputs("train", layout.pack(folder, depth, name))["model"]
            checkpoint.save(path, build(study.model, study.flow, depth, 64, seeds), said)
            leave_provenance(path.parent, "train", [path.name], depth=depth, seeds=seeds)


def pack_of(folder: Path, study: Study) -> Path:
    """The folder of a study's only pack."""
    return layout.pack(folder, study.depths[0], pack_name(study.seeds))


def pack_command(stage: str, folder: Path, study: Study) -> list[str]:
    """The command line of a stage on a study's only pack."""
    return [
        *(sys.executable, "-m", f"flowdepth.stages.{stage}", "--study", str(folder)),
        *("--settings", study.pack_settings(stage), "--depth", str(study.depths[0])),
        *("--seeds", *map(str, study.seeds)),
    ]


def study_command(stage: str, folder: Path, study: Study) -> list[str]:
    """The command line of a stage on a whole study."""
    words = ["--study", str(folder), "--settings", study.whole()]
    return [sys.executable, "-m", f"flowdepth.stages.{stage}", *words]
