"""EMNIST: letters and digits in MNIST's form, six selections of them in one archive.

Cohen et al. (2017). Its images lie on their sides, columns first, and are turned here.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.words import reason
from flowdepth.data import catalogue, downloads
from flowdepth.data.archives import check_sum
from flowdepth.data.published import archive_sums
from flowdepth.data.readers import idx
from flowdepth.data.sources import Source
from flowdepth.settings.datasets import KNOWN
from flowdepth.settings.sections import Dataset

ADDRESS = "https://biometrics.nist.gov/cs_links/EMNIST/"


def read(dataset: Dataset) -> Source:
    """Return the images of the selection that the data set's name ends with.

    Raises
    ------
    UserError
        If the archive is missing and cannot be downloaded, damaged or another one.
    """
    downloads.fetch(dataset, ADDRESS, _check)
    (path,) = catalogue.required_files(dataset)
    with path.open("rb") as file:
        check_sum(path, file, "md5", archive_sums("EMNIST")[path.name])
    sizes = catalogue.split_sizes(dataset)
    trained = sizes.train + sizes.validation
    facts, selection = KNOWN[dataset.name], dataset.name.removeprefix("emnist_")
    size = (facts.height, facts.width)
    train = read_member(path, f"{selection}-train-images-idx3-ubyte", (trained, *size))
    test = read_member(path, f"{selection}-test-images-idx3-ubyte", (sizes.test, *size))
    return Source(
        pools={"train": train.mT.contiguous(), "test": test.mT.contiguous()},
        plan={
            "train": ("train", torch.arange(sizes.train)),
            "validation": ("train", torch.arange(sizes.train, trained)),
            "test": ("test", torch.arange(sizes.test)),
        },
        levels=facts.levels,
        labels=read_member(path, f"{selection}-test-labels-idx1-ubyte", (sizes.test,)).long(),
    )


def _check(path: Path, content: bytes) -> None:
    check_sum(path, io.BytesIO(content), "md5", archive_sums("EMNIST")[path.name])


def read_member(path: Path, name: str, shape: tuple[int, ...]) -> Tensor:
    """Return the values of a packed IDX file in the archive: uint8 ``shape``.

    Raises
    ------
    UserError
        If the archive or the file in it cannot be read, or is another one.
    """
    member = f"gzip/emnist-{name}.gz"
    try:
        with zipfile.ZipFile(path) as archive, gzip.open(archive.open(member)) as file:
            content = file.read(idx.size(shape) + 1)
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: found no {member} ({reason(error)}); fetch it again") from error
    return idx.parse(content, shape, path / member)
