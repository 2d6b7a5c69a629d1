"""Anneal some test images of a trained pack, and simulated ones, beside their estimates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from flowdepth.analysis.columns import IMAGES
from flowdepth.analysis.readers import read_table
from flowdepth.base.errors import UserError
from flowdepth.base.files import write_frame
from flowdepth.compute.out_of_memory import enough
from flowdepth.estimation.annealed import Sample, anneal, simulate
from flowdepth.estimation.certificate_table import Certified, certificate_by_image
from flowdepth.estimation.importance import estimate
from flowdepth.stages.command import run
from flowdepth.stages.pack import Progress, TrainedPack, pack_command, sub_sample, trained_pack
from flowdepth.study import layout


def main() -> None:
    """Read the command line, anneal, and write both estimates by image."""
    command = pack_command(__doc__)
    if command.settings.certify.images == 0:
        raise UserError("certify.images is 0, which leaves this out; set how many test images")
    estimates = layout.outputs("evaluate", command.folder)["per_image"]
    with trained_pack("certify", command, others=[estimates]) as pack:
        frame = certificate_by_image([*_certified(pack, estimates)], pack.header)
        write_frame(frame, pack.outputs()["certify"])
        _print_result(frame)


def _certified(pack: TrainedPack, path: Path) -> Iterator[Certified]:
    """Yield what is found of the test images, and of the simulated ones if there are to be any."""
    settings, seeds = pack.command.settings, pack.header.seeds
    certify = settings.certify
    numbers = sub_sample(pack.images, certify.images)
    samples = [Sample("test", pack.x[numbers].expand(len(seeds), -1, -1), numbers)]
    if certify.simulated:
        samples.append(simulate(pack.model, seeds, certify.simulated, pack.x))
    print(
        f"K = {pack.header.depth}: {len(numbers)} test images and {certify.simulated} simulated "
        f"ones, seeds {seeds}, on {pack.device}"
    )
    progress = Progress(100, "percent")
    with enough(f"certify.images = {len(numbers)}", "set certify.chains lower, "):
        found = anneal(
            pack.model,
            samples,
            seeds,
            certify,
            log=lambda share: progress(round(100 * share)),
            bookmark=pack.bookmark,
        )
    yield Certified("test", numbers, *_estimates(pack, path, numbers), found[0])
    for drawn, known in zip(samples[1:], found[1:], strict=True):
        own = estimate(pack.model, drawn.x, seeds, settings.evaluate.samples)
        yield Certified(drawn.name, [*drawn.numbers], own.log_p, own.mcse, known)


def _estimates(pack: TrainedPack, path: Path, numbers: list[int]) -> tuple[Tensor, Tensor]:
    """Return importance sampling's log p(x) of these images, and its error, [R, N] each."""
    frame = read_table(path, IMAGES)
    tables = (frame.pivot(index="seed", columns="image", values=v) for v in ("log_p", "mcse"))
    values = (table.loc[[*pack.header.seeds], numbers].to_numpy(dtype=float) for table in tables)
    log_p, mcse = (torch.tensor(value, device=pack.device) for value in values)
    return log_p, mcse


def _print_result(frame: pd.DataFrame) -> None:
    if frame.empty:
        print("every seed of the pack failed: nothing to certify")
        return
    means = frame.assign(width=frame["upper"] - frame["annealed"]).groupby("kind")
    print(f"importance sampling is low by {means['bias'].mean()['test']:.3f} nats")
    width = means["width"].mean().get("simulated")
    if width is not None:
        print(f"log p(x) of simulated images is known within {width:.3f} nats")


if __name__ == "__main__":
    run(main)
