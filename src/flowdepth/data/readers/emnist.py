"""EMNIST: letters and digits in MNIST's form, six selections of them in one archive.

Cohen et al. (2017). Its images lie on their sides, columns first, and are turned here.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from functools import partial
from pathlib import Path

from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.words import reason
from flowdepth.data import catalogue, downloads
from flowdepth.data.published import check_archive
from flowdepth.data.readers import idx
from flowdepth.data.sources import Source, plan_in_order
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
    downloads.fetch(dataset, ADDRESS, partial(check_archive, "EMNIST"))
    (path,) = catalogue.required_files(dataset)
    check_archive("EMNIST", path)
    sizes = catalogue.split_sizes(dataset)
    facts, selection = KNOWN[dataset.name], dataset.name.removeprefix("emnist_")
    size, trained = (facts.height, facts.width), sizes.train + sizes.validation
    train = read_member(path, f"{selection}-train-images-idx3-ubyte", (trained, *size))
    test = read_member(path, f"{selection}-test-images-idx3-ubyte", (sizes.test, *size))
    return Source(
        pools={"train": train.mT.contiguous(), "test": test.mT.contiguous()},
        plan=plan_in_order(sizes),
        levels=facts.levels,
        labels=read_member(path, f"{selection}-test-labels-idx1-ubyte", (sizes.test,)).long(),
    )


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
