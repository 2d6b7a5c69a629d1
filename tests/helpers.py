"""What several test files use."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from flowdepth.base.errors import UserError
from flowdepth.base.processes import Process
from flowdepth.compute.resume import Sidecar, Snapshot
from flowdepth.data.prepare import prepare
from flowdepth.model.replicas import build
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset, Flow, Model
from flowdepth.settings.study import Study
from flowdepth.study import layout
from flowdepth.study.provenance import Recorder

SHARED = Path(__file__).parents[2] / "shared" / "data"
needs_files = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder shared/data is not here")


class KilledError(Exception):
    """What `Dying` kills with."""


class Dying(Sidecar):
    """Saves every snapshot up to the ``steps``-th, and kills the computation at the next one."""

    def __init__(self, path: Path, steps: int) -> None:
        super().__init__(path, {}, 0.0, lambda line: None)
        self.steps = steps

    def keep(self, snapshot: Callable[[], Snapshot]) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise KilledError
        super().keep(snapshot)


def refusal(**dataset: object) -> str:
    with pytest.raises(UserError) as caught:
        prepare(Dataset(**dataset))
    return str(caught.value)


def small_vae(
    depth: int,
    seeds: tuple[int, ...] = (0,),
    pixels: int = 6,
    flow: Flow | None = None,
    disturb: float = 0.0,
    **model: object,
) -> FlowVAE:
    """A float64 model of a few units; ``disturb`` moves it away from its initial values."""
    few = {"hidden": (7,), "activation": "tanh", "latent": 2, "initialisation": "glorot"}
    settings = Model(**few | model)
    vae = build(settings, flow or Flow(), depth, pixels, seeds, dtype=torch.float64)
    noise = torch.Generator().manual_seed(depth)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter += disturb * torch.randn(parameter.shape, generator=noise).double()
    return vae


def binary_images(count: int, pixels: int = 6, seed: int = 0) -> Tensor:
    """Binary images [N, P], float64."""
    noise = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (count, pixels), generator=noise).double()


def ppca(depth: int, seeds: tuple[int, ...] = (0,), latent: int = 2) -> FlowVAE:
    """A linear decoder under a Normal likelihood: probabilistic PCA, with a closed form."""
    settings = {"hidden": (), "likelihood": "normal", "scale_start": 0.8}
    return small_vae(depth, seeds, disturb=0.2, pixels=4, latent=latent, **settings)


def closed_form(vae: FlowVAE, images: Tensor) -> Tensor:
    """Return log N(x; c, W^T W + sigma^2 I) [R, N]."""
    weight = vae.output.weight.detach()
    noise = (2 * vae.observation.log_scale.detach()).exp().view(-1, 1, 1)
    covariance = weight.mT @ weight + noise * torch.eye(weight.shape[-1], dtype=weight.dtype)
    centre = vae.output.bias.detach()
    x = images.expand(vae.replicas, -1, -1)
    return MultivariateNormal(centre, covariance.unsqueeze(1)).log_prob(x)


def posterior_precision(vae: FlowVAE) -> tuple[Tensor, Tensor]:
    """Return ``I + W W^T / sigma^2`` and ``W / sigma^2`` of probabilistic PCA, one replica."""
    weight = vae.output.weight[0].detach()
    scaled = weight * (-2 * vae.observation.log_scale.detach()).exp().squeeze()
    return torch.eye(len(weight), dtype=weight.dtype) + scaled @ weight.mT, scaled


def exact_posterior(vae: FlowVAE, images: Tensor) -> MultivariateNormal:
    """Return that of probabilistic PCA, one replica, for images [N, P]."""
    precision, scaled = posterior_precision(vae)
    centred = images - vae.output.bias[0].detach()
    mean = torch.linalg.solve(precision, scaled @ centred.mT).mT
    return MultivariateNormal(mean, precision_matrix=precision)


def make_encoder_optimal(vae: FlowVAE) -> None:
    """Have the encoder of probabilistic PCA give the best diagonal Gaussian, before any flow."""
    precision, scaled = posterior_precision(vae)
    towards_mean = torch.linalg.solve(precision, scaled)
    latent = vae.latent
    with torch.no_grad():
        vae.head.weight.zero_()
        vae.head.weight[0, :, :latent] = towards_mean.mT
        vae.head.bias[0, 0, : 2 * latent] = torch.cat(
            [-towards_mean @ vae.output.bias[0, 0], -precision.diagonal().log()]
        )


def leave_heartbeat(
    path: Path, doing: str = "", process: Process | None = None, host: str = ""
) -> None:
    """Leave the heartbeat of a process, by default of this one."""
    process = process or Process.this()
    facts = {"process": process.number, "start": process.start, "doing": doing}
    path.write_text(json.dumps({**facts, "host": host or platform.node()}))


def leave_provenance(
    folder: Path,
    stage: str,
    outputs: Iterable[Path | str],
    inputs: Iterable[Path] = (),
    settings: str = "{}",
    used: dict[str, object] | None = None,
    **cell: object,
) -> Path:
    """Leave the provenance of a stage that wrote ``outputs`` in ``folder``."""
    path = folder / f"{stage}{layout.PROVENANCE}"
    recorder = Recorder(stage, inputs, settings, "code", **cell)
    recorder.write(path, [folder / name for name in outputs], **(used or {}))
    return path


def leave_pack_provenance(
    folder: Path, study: Study, depth: int, seeds: tuple[int, ...], **used: object
) -> None:
    """Write what training and evaluation tell of themselves, with ``used`` where given.

    They read the study's images, where it has any.
    """
    images = [*folder.parents[1].glob("data/images.safetensors")]
    jobs = {
        "train": (60.0 + depth, ["history.csv"]),
        "evaluate": (12.0 + depth, layout.PACK_OUTPUTS["evaluate"].values()),
    }
    for stage, (seconds, outputs) in jobs.items():
        cost = {"seconds": seconds * len(seeds), "peak_memory_mb": 210.5, **used}
        cell = {"depth": depth, "seeds": seeds}
        settings = study.pack_settings(stage)
        leave_provenance(folder, stage, outputs, images, settings, cost, **cell)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return when each file below ``folder`` was written, and its size."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def write_idx(raw: Path) -> None:
    """Write unpacked files of MNIST's form with black images, all of class 0."""
    raw.mkdir(parents=True)
    for _, unpacked in KNOWN["mnist"].files:
        name = Path(unpacked).name
        count = 60_000 if name.startswith("train") else 10_000
        shape = (count, 28, 28) if "images" in name else (count,)
        header = np.array([2048 + len(shape), *shape], dtype=">i4").tobytes()
        with (raw / name).open("wb") as handle:
            handle.write(header)
            handle.truncate(len(header) + math.prod(shape))
