"""Images for the eye: reconstructions and samples of every seed of a pack."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from flowdepth.base.files import write_bytes
from flowdepth.compute.streams import normals
from flowdepth.data.prepared import Images
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import MOST_EXAMPLES


@torch.no_grad()
def examples(model: FlowVAE, x: Tensor, seeds: tuple[int, ...]) -> dict[str, Tensor]:
    """Return the first test images, their reconstructions, and images decoded from the prior."""
    originals = x[:MOST_EXAMPLES].expand(len(seeds), -1, -1)
    shape = (MOST_EXAMPLES, 1, model.latent)
    draw = partial(normals, seeds, shape=shape, dtype=x.dtype, device=x.device)
    q = model.encode(originals)
    eps = draw("reconstruction")[:, : originals.shape[1]]
    _, z, _ = q.sample(eps)
    prior = draw("prior")
    mean = model.observation.mean
    return {
        "originals": x[:MOST_EXAMPLES],
        "reconstructions": mean(model.decode(z)).squeeze(2),
        "samples": mean(model.decode(prior)).squeeze(2),
    }


def write_examples(
    tensors: dict[str, Tensor], seeds: tuple[int, ...], images: Images, path: Path
) -> None:
    """Write what `examples` returned as safetensors, with seeds and size in the header."""
    facts: dict[str, Any] = {"seeds": seeds, "height": images.height, "width": images.width}
    contiguous = {name: value.cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, safetensors.torch.save(contiguous, {"examples": json.dumps(facts)}))
