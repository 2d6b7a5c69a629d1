"""The published files that the user's folder lacks, fetched into it."""

from __future__ import annotations

import functools
import http.client
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import torch

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.data import catalogue
from flowdepth.settings.sections import Dataset

TIMEOUT = 30.0  # seconds


Contents = Callable[[tuple[Path, ...]], Iterator[tuple[Path, bytes]]]


def fetch(dataset: Dataset, published: Contents) -> None:
    """Write the files of a published data set that lie in none of their places.

    ``published`` gives the contents of the missing ones.

    Raises
    ------
    UserError
        If a download fails, or the disk refuses a file.
    """
    missing = catalogue.missing_files(dataset)
    try:
        for path, content in published(missing) if missing else ():
            write_bytes(path, content)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        raise _not_there(dataset, str(error)) from error


def web_file(address: str) -> bytes:
    """Return the content of a file on the web."""
    print(f"downloading {address}", flush=True)
    with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:  # noqa: S310
        content: bytes = answer.read()
        return content


def torchvision_files(name: str, paths: tuple[Path, ...]) -> Iterator[tuple[Path, bytes]]:
    """Yield the archives ``paths`` of torchvision's data set ``name``."""
    # Never into the user's folder itself: torchvision would unpickle its former format from there.
    with tempfile.TemporaryDirectory() as folder:
        published = getattr(torchvision_datasets(), name)
        fetched = Path(published(folder, download=True).raw_folder)
        yield from ((path, (fetched / path.name).read_bytes()) for path in paths)


def _not_there(dataset: Dataset, reason: str) -> UserError:
    files = ", ".join(path.name for path in catalogue.missing_files(dataset))
    where = catalogue.required_files(dataset)[0].parent
    return UserError(
        f"dataset.root: found no {files} for {dataset.name} under {dataset.root}, and the download "
        f"failed ({reason.strip()}); put them into {where}, or correct dataset.root"
    )


@functools.cache
def torchvision_datasets() -> ModuleType:
    """Return the module, also where torch lacks the operators that torchvision was built with."""
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        _declare_torchvision_operators()
        import torchvision.datasets
    datasets: ModuleType = torchvision.datasets
    return datasets


def _declare_torchvision_operators() -> None:
    # A torchvision built for CUDA cannot load its operators beside a CPU-only torch. Its data sets
    # need none of them, only the declarations that its import looks up.
    global _declarations
    _declarations = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        _declarations.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[module]


_declarations: torch.library.Library | None = None  # they last as long as this object
