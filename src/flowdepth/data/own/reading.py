"""The user's own images, read and understood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowdepth.base.errors import UserError
from flowdepth.base.machine import free_memory
from flowdepth.data.own import axes, colour, formats, pictures, roles, sizes, values
from flowdepth.data.own.formats import Arrays
from flowdepth.settings.datasets import SPLITS
from flowdepth.settings.sections import Dataset

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Own:
    """The user's own images.

    Attributes
    ----------
    pools
        ``images``, or ``train``, ``test`` and perhaps ``validation``: uint8 [N, H, W].
    labels
        Classes of the images of ``images`` or ``test``, int64 [N], where there are any.
    levels
        Grey levels; values are ``0 .. levels - 1``.
    kind
        Of the file or of the pictures, as one calls it.
    names
        Of the pictures of each pool, below the folder; nothing for arrays, whose rows have numbers.
    """

    pools: dict[str, np.ndarray]
    labels: np.ndarray | None
    levels: int
    kind: str
    names: dict[str, list[str]]


def read(dataset: Dataset) -> Own:
    """Return the images at ``dataset.root``.

    Raises
    ------
    UserError
        If they cannot be read, or it is in doubt how.
    """
    root = Path(dataset.root)
    if not root.exists():
        raise UserError(
            f"dataset.root: found no file {root}, expected {formats.READABLE}; correct it"
        )
    if root.is_dir() and not _array_files(root):
        return _of_pictures(root, dataset)
    pools, labels = _of_arrays(root, dataset)
    kind = formats.kind(_array_files(root)[0] if root.is_dir() else root)
    return _own(pools, labels, kind, {}, dataset)


def _own(
    pools: dict[str, np.ndarray],
    labels: np.ndarray | None,
    kind: str,
    names: dict[str, list[str]],
    dataset: Dataset,
) -> Own:
    _check_alike(pools, dataset.root)
    pixels, levels = values.levels(pools, dataset.white, dataset.root)
    return Own(pixels, labels, levels, kind, names)


def _array_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and formats.holds_one_array(path)
    ]


def _of_pictures(root: Path, dataset: Dataset) -> Own:
    import numpy as np

    found = pictures.found_in(root)
    empty = [role for role, files in found.pools.items() if not files]
    if empty:
        raise UserError(f"{root}: found no picture, expected {formats.READABLE}; correct it")
    pools = {role: pictures.read(files, dataset) for role, files in found.pools.items()}
    tested = found.pools.get("images") or found.pools["test"]
    labels = np.array([picture.label for picture in tested]) if found.classes else None
    ends = {p.path.suffix[1:].upper() for files in found.pools.values() for p in files}
    names = {
        role: [picture.path.relative_to(root).as_posix() for picture in files]
        for role, files in found.pools.items()
    }
    return _own(pools, labels, " and ".join(sorted(ends)), names, dataset)


def _of_arrays(root: Path, dataset: Dataset) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    with _opened(root) as arrays:
        names = roles.assign(arrays, dataset.arrays, root)
        _check_stored(arrays, names, root)
        found = {role: arrays[name].read() for role, name in names.items()}
    raw = {role: array for role, array in found.items() if role in ("images", *SPLITS)}
    # Of few images the shape says least.
    largest = max(raw, key=lambda role: raw[role].size)
    told = dataset.axes or axes.of(raw[largest].shape, f"{root}: array {names[largest]}")
    pools = {
        role: _images(array, told, dataset, f"{root}: array {names[role]}")
        for role, array in raw.items()
    }
    return pools, _labels(found, names, pools, root)


@contextmanager
def _opened(root: Path) -> Iterator[Arrays]:
    """Give the arrays of a file, or of all such files of a folder."""
    with ExitStack() as stack:
        every: Arrays = {}
        for path in _array_files(root) if root.is_dir() else [root]:
            every |= stack.enter_context(formats.opened(path))
        yield every


def _check_stored(arrays: Arrays, names: dict[str, str], path: Path) -> None:
    for role, name in names.items():
        shape, dtype = arrays[name].shape, arrays[name].dtype
        if dtype == "object" and not shape:
            arrays[name].read()
        numbers = dtype.startswith(("bool", "int", "uint", "float"))
        if not numbers or min(shape, default=0) < 1:
            raise UserError(
                f"{path}: array {name} is {dtype} {[*shape]}, expected numbers with no side of "
                f"length 0, because it is the {role}; convert it"
            )
    size, room = sum(arrays[name].size for name in names.values()), free_memory()
    if size > room:
        raise UserError(
            f"{path}: its arrays {', '.join(names.values())} take {size:,} bytes, where {room:,} "
            "of this machine's memory are free; write fewer images, or take a larger machine"
        )


def _images(array: np.ndarray, order: str, dataset: Dataset, where: str) -> np.ndarray:
    import numpy as np

    images = axes.images(array, order, dataset.size, where)
    if images.ndim == 4:
        images = colour.grey(images, dataset.colour, where)
    if dataset.size in (None, images.shape[1:]):
        return images
    return np.stack([sizes.fit(image, dataset.size, dataset.resize, where) for image in images])


def _labels(
    found: dict[str, np.ndarray], names: dict[str, str], pools: dict[str, np.ndarray], path: Path
) -> np.ndarray | None:
    import numpy as np

    role = "labels" if "images" in pools else "test_labels"
    if role not in found:
        return None
    labels, count = found[role], len(pools["images" if role == "labels" else "test"])
    # MedMNIST and MATLAB write a column or a row of them.
    flat = labels.reshape(-1) if max(labels.shape) == labels.size else labels
    if flat.shape != (count,) or not (np.isfinite(flat) & (flat == np.rint(flat))).all():
        raise UserError(
            f"{path}: array {names[role]} is {labels.dtype} {[*labels.shape]}, expected integers "
            f"[{count}], one per image; correct it or leave it out"
        )
    return flat.astype(np.int64)


def _check_alike(pools: dict[str, np.ndarray], path: str) -> None:
    first = next(iter(pools))
    for name, pool in pools.items():
        if pool.shape[1:] != pools[first].shape[1:]:
            raise UserError(
                f"{path}: images of {name} are {[*pool.shape[1:]]}, those of {first} "
                f"{[*pools[first].shape[1:]]}, expected one size; give dataset.size and "
                "dataset.resize"
            )
