"""The archives of published data sets and their MD5 sums, as torchvision keeps them."""

from __future__ import annotations

import io
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import torch

from flowdepth.data.archives import check_sum


@cache
def archive_sums(name: str) -> dict[str, str]:
    """Return the MD5 sum of each archive of torchvision's data set ``name``, such as MNIST."""
    known = getattr(_datasets(), name)
    if name == "USPS":
        return {file: md5 for _, file, md5 in known.split_list.values()}
    if name == "EMNIST":
        return {Path(known.url).name: known.md5}
    resources = known.resources
    if name == "QMNIST":  # by split
        resources = [file for split in resources.values() for file in split]
    return {Path(address).name: md5 for address, md5 in resources}


def check_archive(name: str, path: Path, content: bytes | None = None) -> None:
    """Compare an archive of torchvision's data set ``name`` with its published sum.

    ``content`` is that of the file ``path``, and read from it where it is not given. Raises as
    `archives.check_sum` does.
    """
    with path.open("rb") if content is None else io.BytesIO(content) as file:
        check_sum(path, file, "md5", archive_sums(name)[path.name])


def _datasets() -> ModuleType:
    """Return the module, also where torch lacks the operators that torchvision was built with."""
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        _declare_operators()
        import torchvision.datasets
    datasets: ModuleType = torchvision.datasets
    return datasets


def _declare_operators() -> None:
    # A torchvision built for CUDA cannot load its operators beside a torch for the CPU alone. Its
    # data sets need none of them, only the declarations that its import looks up.
    global _declarations
    _declarations = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        _declarations.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[module]


_declarations: torch.library.Library | None = None  # they last as long as this object
