"""Images as people have them: what each gives, or the one line that says how to mend it."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image

from flowdepth.base.errors import UserError
from flowdepth.data.own.reading import read
from flowdepth.settings.sections import Dataset

Write = Callable[[Path], Path]
GREY = np.random.default_rng(0).integers(0, 256, (30, 6, 7), dtype=np.uint8)
GREY[0, 0, 0] = 255
SQUARE = np.random.default_rng(1).integers(0, 256, (30, 5, 5), dtype=np.uint8)
SQUARE[0, 0, 0] = 255
MASKS = (GREY > 127).astype(np.uint8)
LABELS = np.arange(30) % 3
EVEN = np.arange(30, dtype=np.uint8) * 8  # of images in one grey
COLOUR = np.random.default_rng(2).integers(0, 256, (30, 6, 7, 3), dtype=np.uint8)
LUMINANCE = np.rint(COLOUR @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def npz(**arrays: np.ndarray) -> Write:
    def write(folder: Path) -> Path:
        np.savez(folder / "own.npz", **arrays)
        return folder / "own.npz"

    return write


def npy(array: np.ndarray) -> Write:
    def write(folder: Path) -> Path:
        np.save(folder / "faces.npy", array)
        return folder / "faces.npy"

    return write


def csv(array: np.ndarray, header: str = "", end: str = ".csv", form: str = "%d") -> Write:
    def write(folder: Path) -> Path:
        text = io.BytesIO()
        np.savetxt(text, array, fmt=form, delimiter=",", header=header, comments="")
        content = text.getvalue()
        path = folder / f"own{end}"
        path.write_bytes(gzip.compress(content) if end.endswith(".gz") else content)
        return path

    return write


def labelled(images: np.ndarray, last: bool = False) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    return np.column_stack([flat, LABELS] if last else [LABELS, flat])


def idx(images: np.ndarray, name: str = "own.idx", folder: str = "") -> Write:
    def write(root: Path) -> Path:
        path = root / folder / name
        path.parent.mkdir(exist_ok=True)
        header = bytes([0, 0, 8, images.ndim]) + np.array(images.shape, ">u4").tobytes()
        content = header + images.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path.parent if folder else path

    return write


def together(*writes: Write) -> Write:
    def write_all(folder: Path) -> Path:
        *_, last = [write(folder) for write in writes]
        return last

    return write_all


def mat(**arrays: np.ndarray) -> Write:
    def write(folder: Path) -> Path:
        scipy.io.savemat(folder / "own.mat", arrays)
        return folder / "own.mat"

    return write


def hdf5(end: str = ".h5", **arrays: np.ndarray) -> Write:
    def write(folder: Path) -> Path:
        with h5py.File(folder / f"own{end}", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return folder / f"own{end}"

    return write


def pt(content: object) -> Write:
    def write(folder: Path) -> Path:
        torch.save(content, folder / "own.pt")  # noqa: TID251
        return folder / "own.pt"

    return write


def pictures(
    images: Iterable[np.ndarray],
    end: str = ".png",
    mode: str | None = None,
    where: Callable[[int], str] | None = None,
) -> Write:
    """Write pictures ``000.png`` and so on, in the sub-folder that ``where`` says of each."""

    def write(root: Path) -> Path:
        for number, image in enumerate(images):
            folder = root / "pictures" / (where(number) if where else "")
            folder.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(image)
            (picture.convert(mode) if mode else picture).save(folder / f"{number:03}{end}")
        return root / "pictures"

    return write


def split_of(number: int) -> str:
    return "train" if number < 20 else "val" if number < 25 else "test"


PARTS = {"train": GREY[:20], "validation": GREY[20:25], "test": GREY[25:]}
TWO = {"train": GREY[:20], "test": GREY[20:]}
POOL = {"images": GREY}

# What is written, the settings beside the root, the pools, and the number of levels.
GIVES: dict[str, tuple[Write, dict[str, Any], dict[str, np.ndarray], int]] = {
    "npz": (npz(images=GREY), {}, POOL, 256),
    "npz with labels": (npz(images=GREY, labels=LABELS), {}, POOL, 256),
    "npz of one array of any name": (npz(faces=GREY), {}, POOL, 256),
    "npz without names": (npz(arr_0=GREY), {}, POOL, 256),
    "npz as Keras writes it": (
        npz(x_train=GREY[:20], y_train=LABELS[:20], x_test=GREY[20:], y_test=LABELS[20:]),
        *({}, TWO, 256),
    ),
    "npz as MedMNIST writes it": (
        npz(
            train_images=GREY[:20],
            val_images=GREY[20:25],
            test_images=GREY[25:],
            test_labels=LABELS[25:, None],
        ),
        *({}, PARTS, 256),
    ),
    "npz with names told": (
        npz(a=GREY, b=GREY[::-1], c=LABELS),
        {"arrays": {"images": "b", "labels": "c"}},
        *({"images": GREY[::-1]}, 256),
    ),
    "npy": (npy(GREY), {}, POOL, 256),
    "npy, columns first": (npy(np.asfortranarray(GREY)), {}, POOL, 256),
    "npy of another machine": (npy(GREY.astype(">u2")), {}, POOL, 256),
    "a folder of npy": (
        lambda folder: (
            [np.save(folder / f"x_{split}.npy", part) for split, part in TWO.items()] and folder
        ),
        *({}, TWO, 256),
    ),
    "booleans": (npz(images=GREY > 127), {}, {"images": MASKS}, 2),
    "0 and 1": (npz(images=MASKS), {}, {"images": MASKS}, 2),
    "0 and 1 as floats": (npz(images=MASKS.astype(float)), {}, {"images": MASKS}, 2),
    "floats up to 1": (npz(images=GREY / 255), {}, POOL, 256),
    "floats up to 255": (npz(images=GREY.astype(np.float32)), {}, POOL, 256),
    "whole numbers of 64 bits": (npz(images=GREY.astype(np.int64)), {}, POOL, 256),
    "16 bits": (npz(images=GREY.astype(np.uint16) * 257), {}, POOL, 256),
    "12 bits, with white told": (
        npz(images=(GREY.astype(np.uint16) * 16)),
        *({"white": 4080}, POOL, 256),
    ),
    "scikit-learn's range, with white told": (
        npz(images=GREY // 16),
        *({"white": 16}, {"images": GREY // 16}, 17),
    ),
    "[N, 1, H, W]": (npz(images=GREY[:, None]), {}, POOL, 256),
    "[N, H, W, 1]": (npz(images=GREY[..., None]), {}, POOL, 256),
    "[N, P] of squares": (npz(images=SQUARE.reshape(30, 25)), {}, {"images": SQUARE}, 256),
    "[N, P] with the size told": (npz(images=GREY.reshape(30, 42)), {"size": (6, 7)}, POOL, 256),
    "[H, W, N]": (npz(images=np.moveaxis(GREY, 0, 2)), {"axes": "HWN"}, POOL, 256),
    "[P, N], columns first": (
        npz(images=GREY.transpose(2, 1, 0).reshape(42, 30)),
        *({"axes": "(WH)N", "size": (6, 7)}, POOL, 256),
    ),
    "colour made grey": (npz(images=COLOUR), {"colour": "grey"}, {"images": LUMINANCE}, 256),
    "one of three colours": (
        npz(images=COLOUR),
        {"colour": "green"},
        {"images": COLOUR[..., 1]},
        256,
    ),
    "colour, channels first": (
        npz(images=np.moveaxis(COLOUR, 3, 1)),
        *({"colour": "grey"}, {"images": LUMINANCE}, 256),
    ),
    "grey with three equal channels": (npz(images=np.stack([GREY] * 3, -1)), {}, POOL, 256),
    "the middle cut out": (
        npz(images=SQUARE),
        *({"size": (3, 3), "resize": "crop"}, {"images": SQUARE[:, 1:4, 1:4]}, 256),
    ),
    "scaled": (
        npz(images=EVEN.repeat(64).reshape(30, 8, 8)),
        *({"size": (2, 4), "resize": "scale"}, {"images": EVEN.repeat(8).reshape(30, 2, 4)}, 256),
    ),
    "csv": (csv(SQUARE.reshape(30, 25)), {}, {"images": SQUARE}, 256),
    "csv with a label first": (csv(labelled(SQUARE)), {}, {"images": SQUARE}, 256),
    "csv with names": (
        csv(labelled(GREY), "label," + ",".join(f"pixel{i}" for i in range(42))),
        *({"size": (6, 7)}, POOL, 256),
    ),
    "csv with a label last": (
        csv(labelled(SQUARE, last=True), ",".join(f"p{i}" for i in range(25)) + ",class"),
        *({}, {"images": SQUARE}, 256),
    ),
    "csv, packed": (csv(labelled(SQUARE), end=".csv.gz"), {}, {"images": SQUARE}, 256),
    "csv of floats": (
        csv(SQUARE.reshape(30, 25) / 255, form="%.6f"),
        *({}, {"images": SQUARE}, 256),
    ),
    "mat": (mat(X=GREY, y=LABELS), {}, POOL, 256),
    "mat of doubles": (mat(data=GREY / 255), {}, POOL, 256),
    "mat as Burda et al. keep Omniglot": (
        mat(
            data=GREY[:20].transpose(2, 1, 0).reshape(42, 20) / 255,
            testdata=GREY[20:].transpose(2, 1, 0).reshape(42, 10) / 255,
        ),
        {"arrays": {"train": "data", "test": "testdata"}, "axes": "(WH)N", "size": (6, 7)},
        *(TWO, 256),
    ),
    "mat since 7.3": (hdf5(".mat", X=GREY.T), {}, POOL, 256),
    "HDF5": (hdf5(train=GREY[:20], test=GREY[20:]), {}, TWO, 256),
    "HDF5 with groups": (
        hdf5(".hdf5", **{"a/x": GREY, "b/y": LABELS}),
        {"arrays": {"images": "a/x", "labels": "b/y"}},
        *(POOL, 256),
    ),
    "IDX": (idx(GREY), {}, POOL, 256),
    "IDX, packed": (idx(GREY, "own-idx3-ubyte.gz"), {}, POOL, 256),
    "a folder of IDX as MNIST's": (
        together(
            idx(GREY[:20], "train-images-idx3-ubyte.gz", "raw"),
            idx(LABELS[:20], "train-labels-idx1-ubyte.gz", "raw"),
            idx(GREY[20:], "t10k-images-idx3-ubyte", "raw"),
            idx(LABELS[20:], "t10k-labels-idx1-ubyte", "raw"),
        ),
        *({}, TWO, 256),
    ),
    "pt of a tensor": (pt(torch.from_numpy(GREY)), {}, POOL, 256),
    "pt of images and labels": (pt((torch.from_numpy(GREY), torch.arange(30))), {}, POOL, 256),
    "pt of splits": (
        pt({"train": torch.from_numpy(GREY[:20]), "test": torch.from_numpy(GREY[20:]).float()}),
        *({}, TWO, 256),
    ),
    "pictures": (pictures(GREY), {}, POOL, 256),
    "pictures, black and white": (
        pictures(MASKS * 255, mode="1"),
        {},
        {"images": MASKS * 255},
        256,
    ),
    "pictures of 16 bits": (pictures(GREY.astype(np.uint16) * 257), {}, POOL, 256),
    "pictures of other kinds": (pictures(GREY, ".tif"), {}, POOL, 256),
    "pictures with a palette": (pictures(GREY, ".gif"), {}, POOL, 256),
    "pictures in grey colours": (pictures(GREY, mode="RGB"), {}, POOL, 256),
    "pictures in colour": (pictures(COLOUR), {"colour": "grey"}, {"images": LUMINANCE}, 256),
    "pictures in splits": (pictures(GREY, where=split_of), {}, PARTS, 256),
    "pictures of several sizes": (
        pictures([SQUARE[0], np.pad(SQUARE[1], 1)]),
        *({"size": (5, 5), "resize": "crop"}, {"images": SQUARE[:2]}, 256),
    ),
}


@pytest.mark.parametrize(("write", "settings", "pools", "levels"), GIVES.values(), ids=GIVES)
def test_images_are_read_as_they_lie(
    tmp_path: Path,
    write: Write,
    settings: dict[str, Any],
    pools: dict[str, np.ndarray],
    levels: int,
) -> None:
    own = read(Dataset(name="images", root=str(write(tmp_path)), **settings))
    assert own.levels == levels
    assert [*own.pools] == [*pools]
    for name, pool in pools.items():
        assert own.pools[name].dtype == np.uint8
        np.testing.assert_array_equal(own.pools[name], pool)


def test_labels_are_those_of_the_images_that_are_tested(tmp_path: Path) -> None:
    files: dict[str, tuple[Write, list[int]]] = {
        "npz": (npz(images=GREY, labels=LABELS), LABELS.tolist()),
        "csv": (csv(labelled(SQUARE)), LABELS.tolist()),
        "split": (npz(x_train=GREY, x_test=GREY, y_test=LABELS.astype(float)), LABELS.tolist()),
        "a row of them": (mat(X=GREY, y=LABELS[None]), LABELS.tolist()),
        "classes": (pictures(GREY, where=lambda i: f"class {i % 3}"), sorted(LABELS.tolist())),
        "classes of splits": (
            pictures(GREY, where=lambda i: f"{split_of(i)}/{'ab'[i % 2]}"),
            [0, 0, 1, 1, 1],
        ),
    }
    for name, (write, labels) in files.items():
        (tmp_path / name).mkdir()
        own = read(Dataset(name="images", root=str(write(tmp_path / name))))
        assert own.labels is not None
        assert own.labels.tolist() == labels, name


def test_pictures_have_their_names_and_hidden_ones_are_no_pictures(tmp_path: Path) -> None:
    root = pictures(GREY[:3], where=lambda i: "ab"[i % 2])(tmp_path)
    (root / ".hidden.png").write_bytes(b"")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "000.png").write_bytes(b"")
    (root / "notes.txt").touch()
    own = read(Dataset(name="images", root=str(root)))
    assert own.names == {"images": ["a/000.png", "a/002.png", "b/001.png"]}
    assert own.kind == "PNG"


class Bomb:
    """What makes a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.canary,)


def bomb(folder: Path) -> Path:
    return pt({"images": Bomb(folder / "canary")})(folder)


def written(name: str, content: bytes) -> Write:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def broken_picture(folder: Path) -> Path:
    root = pictures(GREY)(folder)
    (root / "007.png").write_bytes(b"no picture")
    return root


def loose(folder: Path) -> Path:
    root = pictures(GREY, where=lambda i: "a")(folder)
    (root / "a" / "000.png").rename(root / "000.png")
    return root


def film(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    frames = [Image.fromarray(image) for image in GREY[:3]]
    frames[0].save(folder / "pictures" / "a.gif", save_all=True, append_images=frames[1:])
    return folder / "pictures"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


# What is written, the settings beside the root, and words of the one line.
REFUSED: dict[str, tuple[Write, dict[str, Any], str]] = {
    "nothing": (lambda folder: folder / "none", {}, "dataset.root: found no file"),
    "an empty folder": (empty_folder, {}, "found no picture, expected a folder of pictures, .npz"),
    "a text": (written("own.txt", b"1"), {}, "found a file of another kind, expected a folder of"),
    "no npz": (written("own.npz", b"no zip"), {}, "found no readable .npz file"),
    "an empty npy": (written("own.npy", b""), {}, "found no readable .npy file"),
    "a torn IDX": (written("own.idx", b"\0\0\x08\x01\0\0\0\x09abc"), {}, "promises 17"),
    "IDX of no type": (written("own.idx", b"abcdefgh"), {}, "which is no type of values"),
    "no gzip": (written("own.csv.gz", b"1,2"), {}, "found no readable .csv.gz file"),
    "csv of words": (written("own.csv", b"1,2\na,b\n"), {}, "own.csv: array images is object"),
    "csv with holes": (written("own.csv", b"1,2,3,\n4,5,6,7\n"), {}, "not finite"),
    "no mat": (written("own.mat", b"MATLAB"), {}, "found no readable .mat file"),
    "no HDF5": (written("own.h5", b"HDF"), {}, "found no readable .h5 file"),
    "a pickle": (bomb, {}, "found no readable .pt file"),
    "objects": (npz(images=np.array([None, "a"])), {}, "array images is object [2]"),
    "complex numbers": (npz(images=GREY * 1j), {}, "array images is complex128"),
    "no images": (npz(images=GREY[:0]), {}, "[0, 6, 7], expected numbers with no side of length 0"),
    "several arrays": (npz(a=GREY, b=GREY), {}, "such as dataset.arrays: {images: NAME}"),
    "two that may be it": (
        npz(x=GREY, data=GREY),
        *({}, "of which data, x may each be the images; tell which"),
    ),
    "a name that is not there": (
        npz(a=GREY),
        *({"arrays": {"images": "b"}}, "dataset.arrays names b; write one of those that are there"),
    ),
    "no test images": (npz(train=GREY), {}, "expected images, or train and test; name them so"),
    "images and a split": (npz(images=GREY, test=GREY), {}, "not both; leave one out"),
    "not square": (npz(images=GREY.reshape(30, 42)), {}, "such as dataset.size: [20, 28]"),
    "not of the size": (
        npz(images=GREY.reshape(30, 42)),
        *({"size": (5, 5)}, "images of 42 values in one axis, and dataset.size is [5, 5]"),
    ),
    "the last axis may be N": (
        npz(images=np.moveaxis(GREY, 0, 2)),
        *({}, "tell their order, such as dataset.axes: NHW"),
    ),
    "axes too many": (
        npz(images=GREY),
        {"axes": "NHWC"},
        "expected 4 axes, NHWC; correct dataset.axes",
    ),
    "channels in doubt": (
        npz(images=GREY[:, :3, None, :3]),
        {},
        "axis of the channels is in doubt",
    ),
    "five axes": (npz(images=GREY[None, None]), {}, "expected [N, H, W], [N, P], or one axis more"),
    "colour": (
        npz(images=COLOUR),
        {},
        "is coloured; choose what a model sees: dataset.colour: grey",
    ),
    "transparent": (
        npz(images=np.concatenate([COLOUR, COLOUR[..., :1]], -1)),
        *({}, "is transparent in places, expected opaque pixels"),
    ),
    "another size": (npz(images=SQUARE), {"size": (4, 4)}, "tell how to get there: dataset.resize"),
    "smaller than the cut": (
        npz(images=SQUARE),
        *({"size": (9, 9), "resize": "crop"}, "use dataset.resize: scale"),
    ),
    "splits of two sizes": (
        npz(train=SQUARE, test=GREY),
        *({}, "images of test are [6, 7], those of train [5, 5], expected one size"),
    ),
    "below 0": (npz(images=GREY / 127.5 - 1), {}, "expected none below 0; shift and scale them"),
    "not a number": (npz(images=np.where(GREY > 9, GREY, np.nan)), {}, "not finite; replace them"),
    "floats beyond": (npz(images=GREY * 9.0 + 0.5), {}, "tell which value is white, such as"),
    "12 bits": (npz(images=GREY.astype(np.uint16) * 16), {}, "such as dataset.white: 4080"),
    "scikit-learn's range": (npz(images=GREY // 16), {}, "such as dataset.white: 15"),
    "class masks": (npz(images=2 * MASKS), {}, "such as dataset.white: 2"),
    "beyond white": (npz(images=GREY), {"white": 16}, "expected none above dataset.white, 16"),
    "two ranges": (npz(train=GREY, test=MASKS), {}, "expected one range; multiply those of test"),
    "labels of another count": (npz(images=GREY, y=LABELS[:9]), {}, "expected integers [30], one"),
    "labels that are parts": (
        npz(images=GREY, y=LABELS / 2),
        {},
        "array y is float64 [30], expected",
    ),
    "pictures in colour": (pictures(COLOUR), {}, "000.png is coloured; choose what a model sees"),
    "pictures of several sizes": (
        pictures([GREY[0], GREY[1], SQUARE[0]]),
        *(
            {},
            "002.png: found 5 x 5 pixels where most have 6 x 7, expected one size; set",
        ),
    ),
    "a broken picture": (broken_picture, {}, "007.png: found no readable picture"),
    "loose and in folders": (loose, {}, "found pictures both loose (000.png) and in folders (a)"),
    "a film": (film, {}, "a.gif: found a film, expected one picture"),
    "pictures without a test split": (
        pictures(GREY, where=lambda i: "train"),
        *({}, "found the split folders train, expected train and test"),
    ),
    "splits beside another folder": (
        pictures(GREY, where=lambda i: ["train", "test", "more"][i % 3]),
        *({}, "found other folders beside those of the splits (more, test, train)"),
    ),
}


@pytest.mark.parametrize(("write", "settings", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_set_of_images_or_in_doubt_is_refused_in_a_line(
    tmp_path: Path, write: Write, settings: dict[str, Any], words: str
) -> None:
    path = write(tmp_path)
    with pytest.raises(UserError) as caught:
        read(Dataset(name="images", root=str(path), **settings))
    said = str(caught.value)
    assert words in said
    assert str(path) in said
    assert said.isprintable()
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("case", ["npz", "csv, packed", "IDX, packed", "mat", "HDF5", "pictures"])
def test_images_larger_than_the_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    for module in ("reading", "formats", "pictures"):
        monkeypatch.setattr(f"flowdepth.data.own.{module}.free_memory", lambda: 1000)
    with pytest.raises(UserError, match="memory"):
        read(Dataset(name="images", root=str(GIVES[case][0](tmp_path))))
