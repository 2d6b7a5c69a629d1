"""Train one depth for a pack of seeds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from flowdepth.analysis.writers import write_frame
from flowdepth.compute.devices import select, used
from flowdepth.compute.out_of_memory import enough
from flowdepth.compute.resume import FORGETFUL, Bookmark
from flowdepth.data import inputs, prepared
from flowdepth.model import checkpoint
from flowdepth.model.replicas import build
from flowdepth.settings.study import TrainSettings
from flowdepth.stages.command import run
from flowdepth.stages.progress import tell
from flowdepth.stages.unfinished import add_interval, sidecar
from flowdepth.study.provenance import Job
from flowdepth.training.loop import PackTraining
from flowdepth.training.record import SeedRecord


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line, train, and write model, history and provenance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="model, flow, objective, training (JSON)")
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=Path, required=True)
    add_interval(parser)
    for output in ("model", "history", "provenance"):
        parser.add_argument(f"--{output}", type=Path, required=True)
    args = parser.parse_args(words)
    settings = TrainSettings.model_validate_json(args.settings)
    device = select(args.device, args.threads, settings.training.precision)
    job = Job("train", [args.images], args.settings, depth=args.depth, seeds=args.seeds)
    images = prepared.load(args.images).to(device)
    with sidecar(job, args.model, args.save_every, device, [args.images]) as unfinished:
        pack = train(settings, args.depth, tuple(args.seeds), images, device, bookmark=unfinished)
        outcomes = [_outcome(record) for record in pack.records]
        header = checkpoint.Header(settings, args.depth, images.pixels, outcomes)
        checkpoint.save(args.model, pack.model, header)
        _write_history(pack.records, args.history)
        written = [args.model, args.history]
        job.write(args.provenance, written, unfinished.earlier, **used(device))


def train(
    settings: TrainSettings,
    depth: int,
    seeds: tuple[int, ...],
    images: prepared.Images,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    bookmark: Bookmark = FORGETFUL,
) -> PackTraining:
    """Return the finished training of ``seeds`` at ``depth``."""
    model = build(settings.model, settings.flow, depth, images.pixels, seeds, device, dtype)
    print(f"training K = {depth}, seeds {seeds}, on {device}", flush=True)
    pack = PackTraining(
        model,
        seeds,
        lambda epoch: inputs.epoch_images(images, seeds, epoch, dtype),
        inputs.observed(images, "validation", dtype),
        settings.training,
        settings.objective,
        bookmark,
    )
    advice = f"set seeds_per_job to {len(seeds) // 2} or less, " if len(seeds) > 1 else ""
    with enough(f"training {len(seeds)} seed{'s' * (len(seeds) > 1)} at K = {depth}", advice):
        pack.run(tell)
    for record in pack.records:
        print(f"seed {record.seed}: {record.message or f'best epoch {record.best_epoch}'}")
    return pack


def _outcome(record: SeedRecord) -> dict[str, int | str]:
    return {
        "seed": record.seed,
        "status": "failed" if record.failed else "done",
        "message": record.message,
        "best_epoch": record.best_epoch,
        "epochs": len(record.history),
    }


def _write_history(records: list[SeedRecord], path: Path) -> None:
    columns = ["seed", "epoch", "updates", "train", "validation", "beta"]
    rows = [{"seed": record.seed, **row} for record in records for row in record.history]
    write_frame(pd.DataFrame(rows, columns=columns), path)


if __name__ == "__main__":
    run(main)
