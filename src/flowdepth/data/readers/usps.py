"""USPS: digits of 16 x 16 pixels, as texts of LIBSVM with values between -1 and 1."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_svmlight_file
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.words import reason
from flowdepth.data import catalogue, downloads
from flowdepth.data.published import check_archive
from flowdepth.data.sources import Source, plan_in_order
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset

ADDRESS = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"


def read(dataset: Dataset) -> Source:
    """Return the images.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, damaged or another one.
    """
    downloads.fetch(dataset, ADDRESS, partial(check_archive, "USPS"))
    sizes = catalogue.split_sizes(dataset)
    counts = (sizes.train + sizes.validation, sizes.test)
    files = zip(catalogue.required_files(dataset), counts, strict=True)
    (train, _), (test, labels) = (read_file(*file) for file in files)
    return Source(
        pools={"train": train, "test": test},
        plan=plan_in_order(sizes),
        levels=KNOWN["usps"].levels,
        labels=labels,
    )


def read_file(path: Path, count: int) -> tuple[Tensor, Tensor]:
    """Return the images of an archive, uint8 [count, 16, 16], and their digits [count].

    A value ``v`` becomes ``(v + 1) / 2 * 255``, cut to a whole number as torchvision does.

    Raises
    ------
    UserError
        If the file is damaged or another one.
    """
    check_archive("USPS", path)
    facts = KNOWN["usps"]
    pixels = facts.height * facts.width
    try:
        values, classes = load_svmlight_file(
            str(path), n_features=pixels, dtype=np.float32, zero_based=False
        )
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: damaged ({reason(error)}); fetch it again") from error
    if values.shape[0] != count:
        raise UserError(f"{path}: found {values.shape[0]} images, expected {count}; fetch it again")
    grey = ((values.toarray() + 1) / 2 * 255).astype(np.uint8)
    images = torch.from_numpy(grey.reshape(count, facts.height, facts.width))
    return images, torch.from_numpy(classes).long() - 1
