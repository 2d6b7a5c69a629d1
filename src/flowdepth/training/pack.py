"""From the prepared images to a trained pack."""

from __future__ import annotations

from collections.abc import Callable

import torch

from flowdepth.compute.out_of_memory import enough
from flowdepth.compute.resume import FORGETFUL, Bookmark
from flowdepth.data import inputs
from flowdepth.data.prepared import Images
from flowdepth.model.observation import Normal
from flowdepth.model.replicas import build, start_at_means
from flowdepth.settings.sections import TrainSettings
from flowdepth.training.loop import PackTraining


def train(
    settings: TrainSettings,
    depth: int,
    seeds: tuple[int, ...],
    images: Images,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    bookmark: Bookmark = FORGETFUL,
    log: Callable[[str], None] = print,
) -> PackTraining:
    """Return the finished training of ``seeds`` at ``depth``."""
    print(f"training K = {depth}, seeds {seeds}, on {device}", flush=True)
    advice = f"set seeds_per_job to {len(seeds) // 2} or less, " if len(seeds) > 1 else ""
    with enough(f"training {len(seeds)} seed{'s' * (len(seeds) > 1)} at K = {depth}", advice):
        model = build(settings.model, settings.flow, depth, images.pixels, seeds, device, dtype)
        if settings.model.output_bias == "means":
            start_at_means(model, inputs.pixel_means(images, dtype).to(device))
        if isinstance(model.observation, Normal) and settings.model.scale_start == "residuals":
            model.observation.start_at(inputs.pixel_spreads(images, dtype).to(device))
        pack = PackTraining(
            model,
            seeds,
            lambda epoch: inputs.epoch_images(images, seeds, epoch, dtype),
            inputs.observed(images, "validation", dtype),
            settings.training,
            settings.objective,
            bookmark,
        )
        pack.run(log)
    for record in pack.records:
        print(f"seed {record.seed}: {record.ending}")
    return pack
