"""What is known of a data set before it is loaded: its size, its splits and its files.

The Snakefile asks here in every job, so nothing imports torch or pandas, and the images of
an ``.npz`` file stay unread: the headers of its arrays say enough.

An ``.npz`` data set holds uint8 arrays in one of two layouts; what else the file holds is
ignored.

- ``images`` [N, H, W] and perhaps ``labels`` [N]: split by the shares ``dataset.validation`` and
  ``dataset.test``, at random with ``dataset.seed``.
- ``train``, ``test`` and perhaps ``validation``, each [N, H, W], and perhaps ``test_labels`` [N].
  Without ``validation``, the share ``dataset.validation`` of ``train`` becomes that split, at
  random with ``dataset.seed``; ``dataset.test`` has no effect.

Where no value exceeds 1 the images are taken as already binary (2 grey levels): binarising leaves
them as they are, and ``dataset.binarisation: none`` is refused. Otherwise they have 256 grey
levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.base.words import plain
from flowdepth.data.npz import Header, NpzFile, opened
from flowdepth.settings.datasets import KNOWN, SPLITS, Sizes
from flowdepth.settings.sections import Dataset

NPZ_EXPECTED = "the array images [N, H, W], or train and test [N, H, W]"
_NAMED = 10  # arrays of a file, at most


def reader(dataset: Dataset) -> str:
    """Return the name of the module of `flowdepth.data.readers` that reads the data set."""
    facts = KNOWN.get(dataset.name)
    return (facts.reader if facts else "") or dataset.name


def file_candidates(dataset: Dataset) -> tuple[tuple[Path, ...], ...]:
    """Return, for each file the data set needs, the places where it may lie, the best first."""
    root = Path(dataset.root)
    if dataset.name == "npz":
        return ((root,),)
    return tuple(tuple(root / place for place in places) for places in KNOWN[dataset.name].files)


def required_files(dataset: Dataset) -> tuple[Path, ...]:
    """Return the files the data set needs: each where it lies, or else where it belongs."""
    return tuple(
        next((path for path in places if _is(Path.is_file, path)), places[0])
        for places in file_candidates(dataset)
    )


def missing_files(dataset: Dataset) -> tuple[Path, ...]:
    """Return the needed files that lie in none of their places."""
    return tuple(path for path in required_files(dataset) if not _is(Path.is_file, path))


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except OSError:  # a name too long, a folder that may not be entered
        return False


def share_of(images: int, share: float) -> int:
    """Return how many of ``images`` make up ``share``, rounded to the nearest."""
    return round(images * share)


def split_sizes(dataset: Dataset) -> Sizes:
    """Return the sizes of the splits as configured.

    Raises
    ------
    UserError
        If the data set is an ``.npz`` file that is missing or not as expected.
    """
    if dataset.name == "npz":
        return _npz_sizes(npz_headers(Path(dataset.root)), dataset)
    facts = KNOWN[dataset.name]
    return facts.split or sizes_by_share(facts.images, dataset)


def shape(dataset: Dataset) -> tuple[int, int]:
    """Return height and width of an image in pixels; raises as `split_sizes` does."""
    if dataset.name == "npz":
        headers = npz_headers(Path(dataset.root))
        _, height, width = headers["images" if "images" in headers else "train"].shape
        return height, width
    facts = KNOWN[dataset.name]
    return facts.height, facts.width


def pixels(dataset: Dataset) -> int:
    """Return the number of pixels of an image; raises as `split_sizes` does."""
    return math.prod(shape(dataset))


def sizes_by_share(images: int, dataset: Dataset) -> Sizes:
    """Return the sizes of the splits of ``images`` images that come without a split."""
    validation, test = share_of(images, dataset.validation), share_of(images, dataset.test)
    return Sizes(images - validation - test, validation, test)


def _npz_sizes(headers: dict[str, Header], dataset: Dataset) -> Sizes:
    counts = {name: header.shape[0] for name, header in headers.items()}
    if "images" in counts:
        return sizes_by_share(counts["images"], dataset)
    if "validation" in counts:
        return Sizes(counts["train"], counts["validation"], counts["test"])
    validation = share_of(counts["train"], dataset.validation)
    return Sizes(counts["train"] - validation, validation, counts["test"])


def npz_headers(path: Path) -> dict[str, Header]:
    """Return shape and type of the arrays that make up an ``.npz`` data set, without their data.

    Raises
    ------
    UserError
        If the file is missing, is no ``.npz`` file, or its arrays are not as expected.
    """
    if not _is(Path.is_file, path):
        found = "the folder" if _is(Path.is_dir, path) else "no file"
        raise UserError(f"dataset.root: found {found} {path}, expected an .npz file; correct it")
    with opened(path) as file:
        return checked_headers(file)


def checked_headers(file: NpzFile) -> dict[str, Header]:
    """Return what the arrays are that make up the data set, as `npz_headers` does."""
    headers = {name: file.header(name) for name in _used_arrays(file)}
    _check_images(file.path, headers)
    _check_labels(file.path, headers)
    return headers


def fingerprint(dataset: Dataset) -> str:
    """Return ``array@CRC-32`` of each array of the user's own images; nothing for published ones.

    Those are the same wherever their files lie. Raises as `npz_headers` does.
    """
    if dataset.name != "npz":
        return ""
    headers = npz_headers(Path(dataset.root))
    return " ".join(f"{name}@{header.crc:08x}" for name, header in headers.items())


def source(dataset: Dataset) -> dict[str, str]:
    """Return what images are taken from: known facts of published ones, sums of the user's own.

    Raises as `npz_headers` does.
    """
    return {"facts": str(KNOWN.get(dataset.name)), "own_images": fingerprint(dataset)}


def _used_arrays(file: NpzFile) -> list[str]:
    pool, given = "images" in file.names, {"train", "test"} <= {*file.names}
    found = f"{file.path}: found the arrays {_listed(file.names)}"
    if pool and "train" in file.names:
        raise UserError(f"{found}; expected {NPZ_EXPECTED}, not both; leave one out")
    if not pool and not given:
        raise UserError(f"{found}; expected {NPZ_EXPECTED}; add what is missing")
    names = ("images", "labels") if pool else (*SPLITS, "test_labels")
    return [name for name in names if name in file.names]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(map(plain, sorted(names)[:_NAMED])) or "(none)") + more


def _check_images(path: Path, headers: dict[str, Header]) -> None:
    first = next(iter(headers))
    for name in headers.keys() - {"labels", "test_labels"}:
        shape, dtype, _ = headers[name]
        if dtype != "uint8" or len(shape) != 3 or min(shape) < 1:
            raise UserError(
                f"{path}: array {name} is {dtype} {list(shape)}, expected uint8 [N, H, W] with no "
                "side of length 0; convert it (values from 0 to 255) and write the file again"
            )
        if shape[1:] != headers[first].shape[1:]:
            raise UserError(
                f"{path}: images of array {name} are {list(shape[1:])}, those of {first} "
                f"{list(headers[first].shape[1:])}, expected one size; crop or pad them"
            )


def _check_labels(path: Path, headers: dict[str, Header]) -> None:
    for name, images in (("labels", "images"), ("test_labels", "test")):
        if name not in headers:
            continue
        (shape, dtype, _), expected = headers[name], headers[images].shape[:1]
        if shape != expected or not dtype.startswith(("int", "uint")):
            raise UserError(
                f"{path}: array {name} is {dtype} {list(shape)}, expected integers "
                f"{list(expected)}, one per image of {images}; correct it or leave it out"
            )


def check_dataset(dataset: Dataset) -> None:
    """Stop at settings of the data set alone that cannot be met.

    Raises
    ------
    UserError
        Naming everything that is wrong.
    """
    refuse(list(problems(dataset, batch_size=0)))


def refuse(problems: list[str]) -> None:
    """Raise `UserError` if there are problems, a line each."""
    if len(problems) == 1:
        raise UserError(problems[0])
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"The data set has {len(problems)} mistakes:\n{lines}")


def problems(dataset: Dataset, batch_size: int) -> Iterator[str]:
    """Yield what the settings ask of the data set and cannot get, a sentence each."""
    if dataset.name == "binarized_mnist" and dataset.binarisation != "static":
        yield (
            f"dataset.binarisation: found {dataset.binarisation}, expected static, because "
            "binarized_mnist is published binary; set it to static, or dataset.name to mnist"
        )
    try:
        sizes = split_sizes(dataset)
    except UserError as error:
        yield str(error)
        return
    yield from _size_problems(dataset, sizes, batch_size)


def _size_problems(dataset: Dataset, sizes: Sizes, batch_size: int) -> Iterator[str]:
    for split in ("validation", "test"):
        if not getattr(sizes, split):
            yield (
                f"dataset.{split}: found {getattr(dataset, split):g}, which leaves the {split} "
                f"split empty ({sum(sizes)} images in all); raise this share"
            )
    if sizes.train < 1:
        yield (
            f"dataset.validation, dataset.test: found {dataset.validation:g} and "
            f"{dataset.test:g}, which leave no training image of {sum(sizes)}; lower a share"
        )
    elif batch_size > sizes.train:
        yield (
            f"training.batch_size: found {batch_size}, but the training split of dataset.name "
            f"{dataset.name} has {sizes.train} images; set it to {sizes.train} or less"
        )
