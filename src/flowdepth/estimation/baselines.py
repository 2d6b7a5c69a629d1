"""What the same images cost without a decoder: models in closed form, for depths to be held to."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from flowdepth.data.inputs import observed, pixel_means
from flowdepth.data.prepared import Images
from flowdepth.model.observation import bits_per_dim
from flowdepth.settings.sections import Model


def baseline(images: Images, model: Model) -> dict[str, str | float]:
    """Return name and mean test NLL of the likelihood's baseline, as columns of summary.csv.

    Independent pixels, or probabilistic PCA; in nats per image, of grey pixels in bits per
    dimension as well.
    """
    if model.likelihood == "bernoulli":
        nll = independent_pixels(images).mean()
        return {"baseline": "independent pixels", "baseline_nll": nll.item()}
    nll = principal_components(images, model.latent).mean()
    bits = bits_per_dim(nll, images.pixels, images.levels)
    columns = {"baseline_nll": nll.item(), "baseline_bits_per_dim": bits.item()}
    return {"baseline": "probabilistic PCA", **columns}


def independent_pixels(images: Images) -> Tensor:
    """Return ``-sum_i log p(x_i)`` of each test image [N], in nats.

    ``p(x_i = 1) = (n_i + 1) / (N + 2)`` for ``n_i`` of ``N`` training images, or for the expected
    number where they are binarised anew each epoch: the mean of what a uniform prior leaves.
    """
    count, x = len(images.train), observed(images, "test", torch.float64)
    p = (count * pixel_means(images, torch.float64) + 1) / (count + 2)
    return -(x * p.log() + (1 - x) * torch.log1p(-p)).sum(-1)


def principal_components(images: Images, latent: int) -> Tensor:
    """Return ``-log N(x; c, W W^T + s^2 I)`` of each test image [N], in nats.

    Fitted to the training images, with ``W`` [P, D] or as many columns as can be told from noise
    (Tipping and Bishop 1999). NaN where too few pixels vary to leave noise.
    """
    train, test = (observed(images, split, torch.float64) for split in ("train", "test"))
    from sklearn.decomposition import PCA  # a second that few studies need

    components = min(latent, *(size - 1 for size in train.shape))
    varying = int((train != train[0]).any(0).sum())
    if not 0 < components < varying:
        return test.new_full((len(test),), math.nan)
    pca = PCA(components).fit(train.numpy())
    return -torch.from_numpy(pca.score_samples(test.numpy()))
