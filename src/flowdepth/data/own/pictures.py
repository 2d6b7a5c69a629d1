"""A folder of pictures: its splits, its classes, and the pixels of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowdepth.base.errors import UserError
from flowdepth.base.machine import free_memory
from flowdepth.base.words import plain, reason
from flowdepth.data.own import colour, sizes
from flowdepth.data.own.roles import split_of
from flowdepth.settings.datasets import SPLITS

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from flowdepth.settings.sections import Dataset

_ENDS = {
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif"),
    *(".tiff", ".webp"),
}
_MOST_PIXELS = 50_000_000  # of one picture: a few kB may promise more than there is memory


class Picture(NamedTuple):
    """A file, and the number of its class, 0 where there are none."""

    path: Path
    label: int


class Folder(NamedTuple):
    """The pictures of each pool, and the names of their classes."""

    pools: dict[str, list[Picture]]
    classes: list[str]


def found_in(folder: Path) -> Folder:
    """Return the pictures of a folder: in sub-folders called as splits, in others, or loose.

    Raises
    ------
    UserError
        If pictures lie both loose and in sub-folders, or in only some of the splits.
    """
    named = {split_of(sub.name): sub for sub in _folders(folder)}
    splits = {split: named[split] for split in SPLITS if split in named}
    if splits and not {"train", "test"} <= splits.keys():
        raise UserError(
            f"{folder}: found the split folders {', '.join(sorted(splits))}, expected train and "
            "test, and perhaps validation; add or rename them"
        )
    roots = splits or {"images": folder}
    if splits and len(splits) < len(_folders(folder)):
        raise UserError(
            f"{folder}: found other folders beside those of the splits "
            f"({', '.join(plain(sub.name) for sub in _folders(folder))}); move them away"
        )
    classes = sorted({sub.name for root in roots.values() for sub in _folders(root)})
    return Folder({role: _pictures(root, classes) for role, root in roots.items()}, classes)


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and _is_shown(p) and _below(p))


def _below(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*"))
    return [path for path in paths if path.suffix.lower() in _ENDS and _is_shown(path)]


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".") and path.name != "__MACOSX"


def _pictures(root: Path, classes: list[str]) -> list[Picture]:
    loose = [p for p in sorted(root.iterdir()) if p.suffix.lower() in _ENDS and _is_shown(p)]
    if loose and _folders(root):
        raise UserError(
            f"{root}: found pictures both loose ({plain(loose[0].name)}) and in folders "
            f"({plain(_folders(root)[0].name)}); move the loose ones into one"
        )
    nested = [
        Picture(path, classes.index(folder.name))
        for folder in _folders(root)
        for path in _below(folder)
    ]
    return [*(Picture(path, 0) for path in loose), *nested]


def read(pictures: list[Picture], dataset: Dataset) -> np.ndarray:
    """Return the pictures as grey images [N, H, W].

    Raises
    ------
    UserError
        If one cannot be read, or they have several sizes and ``dataset.size`` is not given.
    """
    import numpy as np

    images: list[np.ndarray] = []
    for path, _ in pictures:
        pixels = _pixels(path)
        if pixels.ndim == 3:
            pixels = colour.grey(pixels, dataset.colour, str(path))
        images.append(sizes.fit(pixels, dataset.size, dataset.resize, str(path)))
        _check_room(images[0], len(pictures), path)
    _check_one_size(images, pictures)
    return np.stack(images)


def _pixels(path: Path) -> np.ndarray:
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as picture:
            if getattr(picture, "n_frames", 1) > 1:
                raise UserError(f"{path}: found a film, expected one picture; write out a frame")
            if picture.width * picture.height > _MOST_PIXELS:
                raise UserError(
                    f"{path}: found {picture.height} x {picture.width} pixels, expected at most "
                    f"{_MOST_PIXELS:,} in all; scale it down"
                )
            # As one sees it: a camera that was held upright says so beside the pixels.
            return np.asarray(_plain_mode(ImageOps.exif_transpose(picture)))
    except UserError:
        raise
    except Exception as error:  # a broken picture takes Pillow by surprise in many ways
        raise UserError(
            f"{path}: found no readable picture ({reason(error)}); copy it again or take it out"
        ) from error


def _plain_mode(picture: Image) -> Image:
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode in ("L", "I", "F", "LA", "RGB", "RGBA") or picture.mode.startswith("I;16"):
        return picture
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _check_room(first: np.ndarray, count: int, path: Path) -> None:
    size, room = first.nbytes * count, free_memory()
    if size > room:
        raise UserError(
            f"{path.parent}: its {count} pictures take {size:,} bytes, where {room:,} of this "
            "machine's memory are free; give a smaller dataset.size, or take a larger machine"
        )


def _check_one_size(images: list[np.ndarray], pictures: list[Picture]) -> None:
    shapes = Counter(image.shape for image in images)
    if len(shapes) > 1:
        height, width = shapes.most_common(1)[0][0]
        other = next(i for i, image in enumerate(images) if image.shape != (height, width))
        rows, columns = images[other].shape
        raise UserError(
            f"{pictures[other].path}: found {rows} x {columns} pixels where most have {height} x "
            f"{width}, expected one size; set dataset.size: [{height}, {width}] and "
            "dataset.resize: scale or crop"
        )
