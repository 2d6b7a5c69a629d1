"""From the name of a data set to its images as published, read from files that are verified.

The user's files stay untouched, whatever a library would like to unpack beside them.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.client
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from flowdepth.base.errors import UserError
from flowdepth.base.files import write_bytes
from flowdepth.compute.streams import generator
from flowdepth.data import catalogue
from flowdepth.settings.datasets import KNOWN, SPLITS
from flowdepth.settings.sections import Dataset

AMAT_ADDRESS = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
AMAT_MD5 = {  # of the unpacked text
    "binarized_mnist_train.amat": "db28b1a6ae0fe70cbd3da91acf46e477",
    "binarized_mnist_valid.amat": "bf37822a04e94123630de6a7dfd9c9ef",
    "binarized_mnist_test.amat": "14e41ae11040adba6ab8cb291eda0dd8",
}
TIMEOUT = 30.0  # seconds


@dataclass(frozen=True)
class Source:
    """A data set as published: named pools of grey images, and where each split lies in them."""

    pools: dict[str, Tensor]  # uint8 [N, H, W]
    plan: dict[str, tuple[str, Tensor]]  # split -> name of the pool, positions [N] in it
    levels: int
    labels: Tensor | None = None  # of the pool that holds the test images


def read(dataset: Dataset) -> Source:
    """Return the images of the data set and the plan of their splits.

    Raises
    ------
    UserError
        If a file is missing and cannot be downloaded, or is not what it should be.
    """
    return _READERS[dataset.name](dataset)


def _plan_by_share(pool: str, images: int, dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    # Test images come first: their choice must not depend on the validation share.
    order = _order(images, dataset)
    sizes = catalogue.sizes_by_share(images, dataset)
    test, validation, train = order.split([sizes.test, sizes.validation, sizes.train])
    parts = {"train": train, "validation": validation, "test": test}
    return {split: (pool, rows.sort().values) for split, rows in parts.items()}


def _order(images: int, dataset: Dataset) -> Tensor:
    return torch.randperm(images, generator=generator(dataset.seed, "split"))


def _read_digits(dataset: Dataset) -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.uint8))
    return Source(
        pools={"images": images},
        plan=_plan_by_share("images", len(images), dataset),
        levels=KNOWN["digits"].levels,
        labels=torch.from_numpy(digits.target).long(),
    )


def _read_npz(dataset: Dataset) -> Source:
    path = Path(dataset.root)
    names = catalogue.npz_headers(path)
    try:
        with np.load(path, allow_pickle=False) as file:  # noqa: TID251
            arrays = {name: torch.from_numpy(np.ascontiguousarray(file[name])) for name in names}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: damaged ({error}); copy or write the file again") from error
    labels = arrays.pop("labels", arrays.pop("test_labels", None))
    return Source(
        pools=arrays,
        plan=_plan_npz(arrays, dataset),
        levels=2 if max(int(pool.max()) for pool in arrays.values()) <= 1 else 256,
        labels=None if labels is None else labels.long(),
    )


def _plan_npz(pools: dict[str, Tensor], dataset: Dataset) -> dict[str, tuple[str, Tensor]]:
    if "images" in pools:
        return _plan_by_share("images", len(pools["images"]), dataset)
    plan = {name: (name, torch.arange(len(pool))) for name, pool in pools.items()}
    if "validation" not in pools:
        order = _order(len(pools["train"]), dataset)
        size = catalogue.share_of(len(order), dataset.validation)
        plan["validation"] = ("train", order[:size].sort().values)
        plan["train"] = ("train", order[size:].sort().values)
    return plan


def _read_idx(dataset: Dataset) -> Source:
    folder = catalogue.IDX_FOLDERS[dataset.name]
    published = getattr(_torchvision_datasets(), folder)
    if catalogue.missing_files(dataset):
        _download_idx(published, dataset)
    with tempfile.TemporaryDirectory() as stage:
        _stage_idx(dict(published.resources), dataset, Path(stage, folder, "raw"))
        train, test = (published(stage, train=part) for part in (True, False))
    first = KNOWN[dataset.name].split.train
    rows = torch.arange(len(train.data))
    return Source(
        pools={"train": train.data, "test": test.data},
        plan={
            "train": ("train", rows[:first]),
            "validation": ("train", rows[first:]),
            "test": ("test", torch.arange(len(test.data))),
        },
        levels=KNOWN[dataset.name].levels,
        labels=test.targets,
    )


def _download_idx(published: Callable[..., object], dataset: Dataset) -> None:
    # Never into dataset.root itself: torchvision would unpickle its former format from there.
    with tempfile.TemporaryDirectory() as folder:
        try:
            fetched = Path(published(folder, download=True).raw_folder)
        except (RuntimeError, OSError, http.client.HTTPException) as error:
            raise _not_there(dataset, str(error)) from error
        for path in catalogue.missing_files(dataset):
            write_bytes(path, (fetched / path.name).read_bytes())


def _not_there(dataset: Dataset, reason: str) -> UserError:
    files = ", ".join(path.name for path in catalogue.missing_files(dataset))
    where = catalogue.required_files(dataset)[0].parent
    return UserError(
        f"dataset.root: found no {files} for {dataset.name} under {dataset.root}, and the download "
        f"failed ({reason.strip()}); put them into {where}, or correct dataset.root"
    )


def _stage_idx(md5: dict[str, str], dataset: Dataset, raw: Path) -> None:
    # torchvision unpacks beside the archives, but the user's folder may be read-only.
    raw.mkdir(parents=True)
    for path in catalogue.required_files(dataset):
        unpacked = raw / path.name.removesuffix(".gz")
        if path.suffix == ".gz":
            content = path.read_bytes()
            _check_md5(path, content, md5[path.name])
            unpacked.write_bytes(gzip.decompress(content))
        else:
            _check_idx_size(path)
            unpacked.symlink_to(path.resolve())


def _check_idx_size(path: Path) -> None:
    count = 60_000 if path.name.startswith("train") else 10_000
    expected = 16 + count * 28 * 28 if "images" in path.name else 8 + count
    found = path.stat().st_size
    if found != expected:
        raise UserError(
            f"{path}: found {found} bytes, expected {expected}; delete it and put the archive "
            f"{path.name}.gz there instead"
        )


def _check_md5(path: Path, content: bytes, expected: str) -> None:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise UserError(
            f"{path}: found MD5 sum {found}, expected {expected}; the file is damaged or another "
            "one: fetch it again"
        )


@functools.cache
def _torchvision_datasets() -> ModuleType:
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        _declare_torchvision_operators()
        import torchvision.datasets
    return torchvision.datasets


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


def _read_binarized_mnist(dataset: Dataset) -> Source:
    for path in catalogue.missing_files(dataset):
        _download_amat(path, dataset)
    sizes = KNOWN["binarized_mnist"].split._asdict()
    paths = dict(zip(catalogue.AMAT_FILES, catalogue.required_files(dataset), strict=True))
    return Source(
        pools={split: _read_amat(paths[split], sizes[split]) for split in SPLITS},
        plan={split: (split, torch.arange(sizes[split])) for split in SPLITS},
        levels=2,
    )


def _download_amat(path: Path, dataset: Dataset) -> None:
    print(f"downloading {AMAT_ADDRESS}{path.name}", flush=True)
    try:
        with urllib.request.urlopen(AMAT_ADDRESS + path.name, timeout=TIMEOUT) as answer:  # noqa: S310
            content = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise _not_there(dataset, str(error)) from error
    _check_md5(path, content, AMAT_MD5[path.name])
    write_bytes(path, content)


def _read_amat(path: Path, rows: int) -> Tensor:
    facts = KNOWN["binarized_mnist"]
    columns = facts.height * facts.width
    content = _unpacked(path, most=rows * 2 * columns)
    _check_md5(path, content, AMAT_MD5[path.name.removesuffix(".gz")])
    return parse_amat(content, rows, columns, path).view(rows, facts.height, facts.width)


def _unpacked(path: Path, most: int) -> bytes:
    """Return the text, and of a text longer than ``most`` bytes no more than shows that it is."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            return file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and fetch it again") from error


def parse_amat(content: bytes, rows: int, columns: int, path: Path) -> Tensor:
    """Return the pixels of a text with one image a line, values 0 or 1 with one blank between.

    Parameters
    ----------
    content
        The text.
    rows, columns
        Expected numbers of lines and of values a line.
    path
        Where the text is from, for the message.

    Returns
    -------
    Tensor
        uint8 [rows, columns].

    Raises
    ------
    UserError
        If the text is not exactly that.
    """
    text = np.frombuffer(content, dtype=np.uint8)
    if text.size == rows * 2 * columns:
        pairs = text.reshape(rows, columns, 2)
        pixels = pairs[:, :, 0] - ord("0")  # characters below "0" wrap round to more than 1
        if pixels.max() <= 1 and _separates(pairs[:, :, 1]):
            return torch.from_numpy(pixels)
    lines = content.count(b"\n")
    raise UserError(
        f"{path}: found {lines} lines and {len(content)} bytes, expected {rows} lines of {columns} "
        f"values 0 or 1 with one blank between ({rows * 2 * columns} bytes); fetch the file again"
    )


def _separates(characters: np.ndarray) -> bool:
    blanks, ends = characters[:, :-1] == ord(" "), characters[:, -1] == ord("\n")
    return bool(blanks.all() and ends.all())


_READERS: dict[str, Callable[[Dataset], Source]] = {
    "digits": _read_digits,
    "mnist": _read_idx,
    "fashion_mnist": _read_idx,
    "binarized_mnist": _read_binarized_mnist,
    "npz": _read_npz,
}
