"""Trained models for use from Python: ``flowdepth.load``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.words import reason
from flowdepth.compute.devices import one_thread
from flowdepth.compute.streams import generator, normals
from flowdepth.estimation.annealed import Sample, anneal
from flowdepth.estimation.importance import estimate
from flowdepth.model import checkpoint
from flowdepth.model.single import SingleVAE
from flowdepth.model.vae import FlowVAE
from flowdepth.settings.sections import Certify
from flowdepth.study import layout, provenance

# An image's, where it is annealed.
_CHAINS = 16


class LogLikelihood(NamedTuple):
    """What importance sampling or annealing says of each image; [N], as in `importance.Estimate`.

    ``log_p`` and its standard error ``mcse`` are in nats, ``ess`` in samples; from a ``k_hat``
    above 0.7 on do not trust the error. Annealing leaves ``ess`` and ``k_hat`` NaN.
    """

    log_p: Tensor
    mcse: Tensor
    ess: Tensor
    k_hat: Tensor


class Encoded(NamedTuple):
    """Draws ``samples`` [S, N, D] from the posterior of each image, and their ``mean`` [N, D]."""

    mean: Tensor
    samples: Tensor


class TrainedModel:
    """One seed of a trained pack.

    Attributes
    ----------
    vae
        The model itself, of one replica.
    header
        Settings, depth, size of the images and what became of every seed of the pack.
    seed
        The seed chosen.
    device
        Where it computes; what it returns is on the CPU.
    """

    def __init__(self, pack: FlowVAE, header: checkpoint.Header, seed: int) -> None:
        self._pack, self._row = pack, header.seeds.index(seed)
        self.vae = checkpoint.replica(pack, header, self._row)
        self.header, self.seed = header, seed
        self.device = torch.device("cpu")

    def __repr__(self) -> str:
        model, flow = self.header.settings.model, self.header.settings.flow
        network = "-".join(map(str, model.hidden)) if model.network == "dense" else ""
        return (
            f"<{flow.called} flow of K = {self.header.depth} layers, D = {model.latent}, "
            f"{' '.join([model.network, network]).strip()} network, {model.likelihood} images of "
            f"{self.header.height} x {self.header.width}; seed {self.seed} of "
            f"{', '.join(map(str, self.header.seeds))}; on {self.device}>"
        )

    def to(self, device: str | torch.device) -> TrainedModel:
        """Move it to a device, such as ``cuda``, and return it."""
        self.device = torch.device(device)
        self._pack, self.vae = self._pack.to(self.device), self.vae.to(self.device)
        return self

    def module(self) -> SingleVAE:
        """Return a copy as an ordinary module of torch, to train further or to build upon."""
        return SingleVAE(self.vae).to(self.device)

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Return ``n`` images [n, H, W] from the prior: the decoder's means at its draws.

        The same ``seed`` gives the same images; the training seed gives those of the study.
        """
        shape = (n, 1, self.vae.latent)
        z = normals((seed,), "prior", shape=shape, dtype=torch.float32, device="cpu")
        return self.decode(z[0, :, 0])

    @torch.no_grad()
    def encode(self, images: ArrayLike, samples: int = 100, seed: int = 0) -> Encoded:
        """Return draws from the posterior of each image, and their mean.

        ``images`` as in `log_likelihood`; the same ``seed`` draws the same noise.
        """
        q = self.vae.encode(self._observed(images).unsqueeze(0))
        shape = (*q.mu.shape[1:-1], samples, q.mu.shape[-1])
        eps = normals((seed,), "encode", shape=shape, dtype=q.mu.dtype, device="cpu")
        z = q.sample(eps.to(self.device))[1][0].transpose(0, 1).cpu()
        return Encoded(z.mean(0), z)

    @torch.no_grad()
    def decode(self, z: ArrayLike) -> Tensor:
        """Return the decoder's means [N, H, W] at latent points ``z`` [N, D].

        Raises
        ------
        UserError
            If the points are of another dimension.
        """
        points = _floats(z, "z").to(self.device)
        if points.dim() != 2 or points.shape[1] != self.vae.latent:
            raise UserError(
                f"z: found the shape {[*points.shape]}, expected [N, {self.vae.latent}]; reshape it"
            )
        means = self.vae.observation.mean(self.vae.decode(points.view(1, len(points), 1, -1)))
        images: Tensor = means[0, :, 0].unflatten(-1, (self.header.height, self.header.width))
        return images.cpu()

    @torch.no_grad()
    def reconstruct(self, images: ArrayLike) -> Tensor:
        """Return the decoder's means [N, H, W] at what the flow makes of each posterior's mean.

        ``images`` as in `log_likelihood`.
        """
        q = self.vae.encode(self._observed(images).unsqueeze(0))
        _, z, _ = q.sample(torch.zeros_like(q.mu).unsqueeze(-2))
        return self.decode(z[0, :, 0])

    def log_likelihood(
        self,
        images: ArrayLike,
        samples: int = 5000,
        seed: int | None = None,
        annealed: int | None = None,
    ) -> LogLikelihood:
        """Return estimates of log p(x) for ``images`` [N, P] or [N, H, W].

        They are importance sampling's from ``samples``, or with ``annealed`` those of annealing
        through so many distributions, which are right where importance sampling is too low.

        Images are what the model was trained on: pixels 0 and 1 where the likelihood is Bernoulli,
        dequantised grey values in [0, 1] where it is Normal.

        ``seed`` keys the noise of each image by its position. Without it, the noise is the study's,
        and the study's test images get its numbers to the last bit: for that, all seeds of the pack
        are evaluated together as there, which takes as many times as long. Annealing takes one
        seed by itself. On the CPU one thread computes, as in a study, whatever torch is set to.

        Raises
        ------
        UserError
            If the images are of another size, or their values of another kind.
        """
        for name, number in (("samples", samples), ("annealed", annealed)):
            if number is not None and number < 1:
                raise UserError(f"{name}: found {number}, expected at least 1")
        x = self._observed(images)
        with one_thread():
            if annealed is not None:
                return self._annealed(x, annealed, self.seed if seed is None else seed)
            if seed is None:
                found, row = estimate(self._pack, x, self.header.seeds, samples), self._row
            else:
                found, row = estimate(self.vae, x, (seed,), samples), 0
        return LogLikelihood(*(getattr(found, name)[row].cpu() for name in LogLikelihood._fields))

    def _annealed(self, x: Tensor, distributions: int, seed: int) -> LogLikelihood:
        settings = Certify(distributions=distributions, chains=_CHAINS)
        sample = Sample("images", x.unsqueeze(0), range(len(x)))
        (found,) = anneal(self.vae, [sample], (seed,), settings)
        log_p, mcse = found.log_p[0].cpu(), found.mcse[0].cpu()
        unknown = torch.full_like(log_p, torch.nan)
        return LogLikelihood(log_p, mcse, unknown, unknown)

    def _observed(self, images: ArrayLike) -> Tensor:
        x = _floats(images, "images")
        pixels = self.header.pixels
        if x.dim() not in (2, 3) or not len(x) or x[0].numel() != pixels:
            raise UserError(
                f"images: found the shape {[*x.shape]}, expected [N, {pixels}] or [N, H, W] with "
                f"H W = {pixels}, at least one, like those that the model was trained on"
            )
        binary = self.header.settings.model.likelihood == "bernoulli"
        if not (((x == 0) | (x == 1)) if binary else ((x >= 0) & (x <= 1))).all():
            raise UserError(
                f"images: found values from {x.min():g} to {x.max():g}, expected "
                + ("0 and 1; see flowdepth.binarise" if binary else "0 to 1; dequantise them")
            )
        return x.flatten(1).contiguous().to(self.device)


def _floats(array: ArrayLike | Tensor, name: str) -> Tensor:
    if isinstance(array, Tensor):
        return array.detach().to("cpu", torch.float32)
    try:
        # torch takes neither another machine's order of bytes nor rows from back to front.
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
    except (TypeError, ValueError) as error:
        raise UserError(f"{name}: found no array of numbers ({reason(error)})") from error


def binarise(grey: ArrayLike, white: float = 255, how: str = "static", seed: int = 0) -> Tensor:
    """Return ``grey`` images with values from 0 to ``white`` as 0 and 1 in their shape, uint8.

    As a study does by ``dataset.binarisation``: ``static`` draws 1 with probability
    ``grey / white``, the same for the same ``seed``; ``threshold`` is 1 from half of ``white`` up.

    Raises
    ------
    UserError
        If values are beyond that range, or ``how`` is another word.
    """
    x = _floats(grey, "grey")
    if how not in ("static", "threshold") or not ((x >= 0) & (x <= white)).all():
        raise UserError(
            f"binarise: found values from {x.min():g} to {x.max():g} and how {how}, expected 0 to "
            f"white, {white:g}, and static or threshold"
        )
    if how == "threshold":
        return (x > white / 2).to(torch.uint8)
    uniform = torch.rand(x.shape, generator=generator(seed, "binarise", "given"))
    return (uniform * white < x).to(torch.uint8)


def load(path: str | Path, seed: int | None = None) -> TrainedModel:
    """Return a model trained by a study or by ``flowdepth fit``, from its ``model.safetensors``.

    ``seed`` chooses one of the pack; without it, it is the first whose training ended well.

    Raises
    ------
    UserError
        If the file is no model, is not the one that the provenance beside it tells of, or the seed
        is not in it, failed, or has weights that are not finite.
    """
    if layout.provenance("train", Path(path).parent).exists():
        provenance.verify(Path(path))
    pack, header = checkpoint.load(Path(path))
    done = [o["seed"] for o in header.outcomes if o["status"] == "done"]
    chosen = seed if seed is not None else next(iter(done), None)
    if chosen is None or chosen not in done:
        raise UserError(
            f"{path}: found the trained seeds {done or '(none)'}, expected "
            f"{'one at least' if seed is None else seed}; choose one of these or train again"
        )
    model = TrainedModel(pack, header, chosen)
    if not all(weight.isfinite().all() for weight in model.vae.parameters()):
        raise UserError(
            f"{path}: seed {chosen} has weights that are not finite; choose another or train again"
        )
    return model
