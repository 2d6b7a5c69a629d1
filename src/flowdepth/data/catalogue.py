"""What is known of a data set before it is loaded: its size, its splits and its files.

The Snakefile asks here in every job, so nothing imports torch or pandas. The user's own images are
read once to know it, and remembered.

Images in one pool are split by the shares ``dataset.validation`` and ``dataset.test``, at random
with ``dataset.seed``. Where they come as ``train``, ``test`` and perhaps ``validation``, a missing
``validation`` is the share ``dataset.validation`` of ``train``, and ``dataset.test`` has no effect.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flowdepth.base.errors import UserError
from flowdepth.data.own.survey import Survey, survey
from flowdepth.settings.datasets import KNOWN, Sizes
from flowdepth.settings.sections import Dataset

CAST = (
    "nearly all pixels are 0 and the others 1, as in images with values up to 1 that were cast to "
    "integers: if so, multiply by 255 first"
)


def reader(dataset: Dataset) -> str:
    """Return the name of the module of `flowdepth.data.readers` that reads the data set."""
    facts = KNOWN.get(dataset.name)
    return (facts.reader if facts else "") or dataset.name


def file_candidates(dataset: Dataset) -> tuple[tuple[Path, ...], ...]:
    """Return, for each file the data set needs, the places where it may lie, the best first."""
    root = Path(dataset.root)
    if dataset.name == "images":
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
    return tuple(path for path in required_files(dataset) if not _is(Path.exists, path))


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
        If they are the user's own images, and cannot be read.
    """
    if dataset.name == "images":
        return _own_sizes(survey(dataset), dataset)
    facts = KNOWN[dataset.name]
    return facts.split or sizes_by_share(facts.images, dataset)


def shape(dataset: Dataset) -> tuple[int, int]:
    """Return height and width of an image in pixels; raises as `split_sizes` does."""
    facts = survey(dataset) if dataset.name == "images" else KNOWN[dataset.name]
    return facts.height, facts.width


def pixels(dataset: Dataset) -> int:
    """Return the number of pixels of an image; raises as `split_sizes` does."""
    return math.prod(shape(dataset))


def sizes_by_share(images: int, dataset: Dataset) -> Sizes:
    """Return the sizes of the splits of ``images`` images that come without a split."""
    validation, test = share_of(images, dataset.validation), share_of(images, dataset.test)
    return Sizes(images - validation - test, validation, test)


def _own_sizes(found: Survey, dataset: Dataset) -> Sizes:
    counts = found.counts
    if "images" in counts:
        return sizes_by_share(counts["images"], dataset)
    if "validation" in counts:
        return Sizes(counts["train"], counts["validation"], counts["test"])
    validation = share_of(counts["train"], dataset.validation)
    return Sizes(counts["train"] - validation, validation, counts["test"])


def understood(dataset: Dataset) -> str:
    """Return how the user's own images were understood, in a line; nothing for published ones.

    Raises as `split_sizes` does.
    """
    if dataset.name != "images":
        return ""
    found, sizes = survey(dataset), split_sizes(dataset)
    values = "black and white" if found.levels == 2 else f"{found.levels} levels of grey"
    classes = f" in {found.classes} classes" if found.classes > 1 else ""
    splits = " / ".join(f"{count:,} {split}" for split, count in sizes._asdict().items())
    return (
        f"{sum(sizes):,} images of {found.height} x {found.width}{classes}, {values}, from "
        f"{found.kind}; {splits}" + (f"; {CAST}" if found.cast else "")
    )


def fingerprint(dataset: Dataset) -> str:
    """Return ``pool@CRC-32`` of the user's own pixels and labels; nothing for published ones.

    Those are the same wherever their files lie. Raises as `split_sizes` does.
    """
    if dataset.name != "images":
        return ""
    return stamped(survey(dataset).sums)


def stamped(sums: Mapping[str, str]) -> str:
    """Return sums as `fingerprint` has them."""
    return " ".join(f"{name}@{crc}" for name, crc in sums.items())


def source(dataset: Dataset) -> dict[str, str]:
    """Return what images are taken from: known facts of published ones, sums of the user's own.

    Raises as `split_sizes` does.
    """
    return {"facts": str(KNOWN.get(dataset.name)), "own_images": fingerprint(dataset)}


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
