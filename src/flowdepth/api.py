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
from flowdepth.compute.streams import normals
from flowdepth.estimation.annealed import Sample, anneal
from flowdepth.estimation.importance import estimate
from flowdepth.model import checkpoint
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


class TrainedModel:
    """One seed of a trained pack, on the CPU.

    Attributes
    ----------
    vae
        The model itself, of one replica.
    header
        Settings, depth, pixels and what became of every seed of the pack.
    seed
        The seed chosen.
    """

    def __init__(self, pack: FlowVAE, header: checkpoint.Header, seed: int) -> None:
        self._pack, self._row = pack, header.seeds.index(seed)
        self.vae = checkpoint.replica(pack, header, self._row)
        self.header, self.seed = header, seed

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Return ``n`` images [n, P] from the prior: the decoder's means, in [0, 1] if Bernoulli.

        The same ``seed`` gives the same images; the training seed gives those of the study.
        """
        shape = (n, 1, self.vae.latent)
        z = normals((seed,), "prior", shape=shape, dtype=torch.float32, device="cpu")
        return self.vae.observation.mean(self.vae.decode(z))[0, :, 0]

    @torch.no_grad()
    def reconstruct(self, images: ArrayLike) -> Tensor:
        """Return the decoder's means [N, P] at what the flow makes of each posterior's mean.

        ``images`` as in `log_likelihood`.
        """
        q = self.vae.encode(self._observed(images).unsqueeze(0))
        _, z, _ = q.sample(torch.zeros_like(q.mu).unsqueeze(-2))
        return self.vae.observation.mean(self.vae.decode(z))[0, :, 0]

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
        seed by itself.

        Raises
        ------
        UserError
            If the images are of another size, or their values of another kind.
        """
        for name, number in (("samples", samples), ("annealed", annealed)):
            if number is not None and number < 1:
                raise UserError(f"{name}: found {number}, expected at least 1")
        x = self._observed(images)
        if annealed is not None:
            return self._annealed(x, annealed, self.seed if seed is None else seed)
        if seed is None:
            found, row = estimate(self._pack, x, self.header.seeds, samples), self._row
        else:
            found, row = estimate(self.vae, x, (seed,), samples), 0
        return LogLikelihood(*(getattr(found, name)[row] for name in LogLikelihood._fields))

    def _annealed(self, x: Tensor, distributions: int, seed: int) -> LogLikelihood:
        settings = Certify(distributions=distributions, chains=_CHAINS)
        sample = Sample("images", x.unsqueeze(0), range(len(x)))
        (found,) = anneal(self.vae, [sample], (seed,), settings)
        log_p, unknown = found.log_p[0], torch.full_like(found.log_p[0], torch.nan)
        return LogLikelihood(log_p, found.mcse[0], unknown, unknown)

    def _observed(self, images: ArrayLike) -> Tensor:
        x = _floats(images)
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
                + ("0 and 1 alone; binarise them" if binary else "0 to 1; dequantise them")
            )
        return x.flatten(1).contiguous()


def _floats(images: ArrayLike | Tensor) -> Tensor:
    if isinstance(images, Tensor):
        return images.detach().to("cpu", torch.float32)
    try:
        # torch takes neither another machine's order of bytes nor rows from back to front.
        return torch.from_numpy(np.array(images, dtype=np.float32, order="C"))
    except (TypeError, ValueError) as error:
        raise UserError(f"images: found no array of numbers ({reason(error)})") from error


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
