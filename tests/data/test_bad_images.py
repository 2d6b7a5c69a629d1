"""Images that are not what they should be: one message before any training, or a warning."""

from __future__ import annotations

import io
import os
import pickle  # noqa: TID251
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue
from flowdepth.data.peculiarities import peculiarities
from flowdepth.data.prepare import describe, prepare, read
from flowdepth.report.limits import limits
from flowdepth.settings.sections import Dataset
from flowdepth.settings.study import read_study
from flowdepth.study.check import check
from helpers import refusal

Write = Callable[[Path], None]


class Bomb:
    """What touches a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.canary),)


def grey(images: int = 40, top: int = 255) -> np.ndarray:
    values = np.random.default_rng(images).integers(0, top + 1, (images, 3, 4), dtype=np.uint8)
    values[0, 0, 0] = top
    return values


def pool(images: np.ndarray, **more: np.ndarray) -> Write:
    return lambda path: np.savez(path, images=images, **more)


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array)
    return content.getvalue()


def bomb(path: Path) -> None:
    np.savez(path, images=np.array([Bomb(path.parent / "canary")], dtype=object))


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb(path.parent / "canary")))


def truncated(path: Path) -> None:
    np.savez(path, images=grey())
    path.write_bytes(path.read_bytes()[:-100])


def lying(path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4000000000, 999, 999), }"
    with zipfile.ZipFile(path, "w") as archive:
        padded = header.ljust(117) + b"\n"
        archive.writestr(
            "images.npy", b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded
        )


def negative(path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (-40, -3, 4), }"
    padded = header.ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        start = b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded
        archive.writestr("images.npy", start + grey().tobytes())


def twice(path: Path) -> None:
    np.savez(path, images=grey())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(match="Duplicate name"):
        archive.writestr("images.npy", npy(grey(50)))


def boxes(path: Path) -> None:
    """Arrays whose names move the cursor, and turn the line round."""
    np.savez(
        path, **{"\x1b[2Jx": grey(), "\u202epicture": grey(), **{f"y{i}": 0 for i in range(99)}}
    )


def encrypted(path: Path) -> None:
    np.savez(path, images=grey())
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(mark) + offset] |= 1
    path.write_bytes(content)


UNREADABLE = "found no readable .npz file"
REFUSED: dict[str, tuple[Write, str]] = {
    "one image": (pool(grey(1)), "which leaves the validation split empty (1 images in all)"),
    "objects": (bomb, "array images is object [1], expected numbers"),
    "pickle": (pickled, UNREADABLE),
    "torn": (truncated, UNREADABLE),
    "empty file": (Path.touch, UNREADABLE),
    "a header that lies": (lying, "has 128 bytes, its header promises 3992004000000128"),
    "a side below 0": (negative, "array images is uint8 [-40, -3, 4], expected numbers with no"),
    "one name twice": (twice, "two arrays are called images"),
    "names that are no text": (boxes, r"arrays '\x1b[2Jx', y0, y1, y10,"),
    "many names": (boxes, "y16 and 91 more; expected images, or train and test"),
    "encrypted": (encrypted, UNREADABLE),
}


@pytest.mark.parametrize(("write", "words"), REFUSED.values(), ids=REFUSED)
def test_bad_images_are_refused_with_the_cause(tmp_path: Path, write: Write, words: str) -> None:
    path = tmp_path / "own.npz"
    write(path)
    study = {"name": "s", "depths": [0], "seeds": [0], "training": {"batch_size": 2}}
    with pytest.raises(UserError) as caught:
        check(read_study({**study, "dataset": {"name": "images", "root": str(path)}}))
    assert words in str(caught.value)
    assert str(path) in str(caught.value) or "dataset." in str(caught.value)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("write", [bomb, pickled], ids=["objects", "pickle"])
def test_unpickled_bombs_leave_their_canary(tmp_path: Path, write: Write) -> None:
    """Unpickled, the table's two bombs do leave the canary that it looks for."""
    write(tmp_path / "own.npz")
    if write is bomb:
        np.load(tmp_path / "own.npz", allow_pickle=True)["images"]  # noqa: TID251
    else:
        pickle.loads((tmp_path / "own.npz").read_bytes())  # noqa: S301
    assert (tmp_path / "canary").is_dir()


def test_binary_images_without_binarisation_are_refused(tmp_path: Path) -> None:
    pool(grey(top=1))(tmp_path / "own.npz")
    message = refusal(name="images", root=str(tmp_path / "own.npz"), binarisation="none")
    assert f"{tmp_path / 'own.npz'}: found no value above 1" in message
    assert "expected grey values up to 255 because dataset.binarisation is none" in message


def found(path: Path, **arrays: np.ndarray) -> tuple[dict[str, int], list[str]]:
    np.savez(path, **arrays)
    dataset = Dataset(name="images", root=str(path), binarisation="none")
    counts = peculiarities(read(dataset))
    facts = describe(prepare(dataset), dataset) | {"peculiarities": counts}
    return counts, limits(facts)


def test_good_images_raise_no_warning(tmp_path: Path) -> None:
    counts, sentences = found(tmp_path / "own.npz", images=grey())
    assert (counts["test_in_train"], counts["constant_pixels"]) == (0, 0)
    assert sentences == []


def test_test_images_that_are_trained_on_raise_a_warning(tmp_path: Path) -> None:
    train, test = grey(40), grey(8)
    test[[1, 5]] = train[[30, 2]]
    arrays = {"train": train, "validation": train[:1], "test": test}
    counts, sentences = found(tmp_path / "own.npz", **arrays)
    assert (counts["test_in_train"], counts["validation_in_train"]) == (2, 1)
    assert sentences[0].startswith("2 of 8 (25.0 %) test images are, pixel for pixel, training")
    assert sentences[1].startswith("1 of 1 (100.0 %) validation images are")


def test_repeated_images_are_found_before_binarisation(tmp_path: Path) -> None:
    train = grey(40)
    np.savez(tmp_path / "own.npz", train=train, validation=grey(3), test=train[:4])
    source = read(Dataset(name="images", root=str(tmp_path / "own.npz"), binarisation="static"))
    assert peculiarities(source)["test_in_train"] == 4


def test_constant_pixels_and_repeated_images_raise_a_warning(tmp_path: Path) -> None:
    train = grey(40)
    train[:, 1, 1:3] = 7
    train[9] = train[4]
    counts, sentences = found(tmp_path / "own.npz", train=train, validation=grey(3), test=grey(4))
    assert (counts["constant_pixels"], counts["distinct_train"]) == (2, 39)
    assert sentences == [
        "1 of 40 (2.5 %) training images repeat another one.",
        "2 of 12 (16.7 %) pixels have one value in all training images: no depth can gain by them.",
    ]


def test_images_all_the_same_raise_one_warning(tmp_path: Path) -> None:
    same = np.full((40, 3, 4), 99, dtype=np.uint8)
    _, sentences = found(tmp_path / "own.npz", train=same, validation=same[:3], test=same[:3])
    assert len(sentences) == 1
    assert sentences[0].startswith("All training images are the same")


def with_member(name: str, content: bytes = npy(grey(50))) -> Write:
    def write(path: Path) -> None:
        np.savez(path, images=grey())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, content)

    return write


def laid_out(images: np.ndarray) -> Write:
    return lambda path: np.savez(path, images=images, labels=np.arange(40).astype(">i4"))


ALIKE = {
    "a member called as the array": with_member("images"),
    "a Mac's own": with_member("__MACOSX/._images.npy"),
    "a Mac's own beside it": with_member("._images.npy"),
    "what is no array": with_member("x.npy", b"nothing of numpy's"),
    "columns first": laid_out(np.asfortranarray(grey())),
    "labels of another machine": laid_out(grey()),
    "compressed": lambda path: np.savez_compressed(path, images=grey()),
}


@pytest.mark.parametrize("write", ALIKE.values(), ids=ALIKE)
def test_how_a_file_was_written_changes_no_image(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "own.npz")
    dataset = Dataset(name="images", root=str(tmp_path / "own.npz"))
    source = read(dataset)
    assert catalogue.split_sizes(dataset) == (28, 4, 8)
    np.testing.assert_array_equal(source.pools["images"].numpy(), grey())
    if source.labels is not None:
        assert source.labels.tolist() == [*range(40)]


def test_the_fingerprint_is_of_the_array_that_is_read(tmp_path: Path) -> None:
    for write in ALIKE.values():
        write(tmp_path / "own.npz")
        dataset = Dataset(name="images", root=str(tmp_path / "own.npz"))
        crc = zlib.crc32(grey().tobytes())
        assert catalogue.fingerprint(dataset).split()[0] == f"images@{crc:08x}"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_file_is_refused_or_gives_the_same_images(
    tmp_path: Path, compressed: bool
) -> None:
    path = tmp_path / "own.npz"
    (np.savez_compressed if compressed else np.savez)(path, images=grey())
    content, kept = path.read_bytes(), []
    damaged = [content[:end] for end in range(0, len(content), 50)]
    for position in range(0, len(content), 3):
        flipped = content[position] ^ 0xFF
        damaged.append(content[:position] + bytes([flipped]) + content[position + 1 :])
    for wrong in damaged:
        path.write_bytes(wrong)
        try:
            kept.append(read(Dataset(name="images", root=str(path))).pools["images"].numpy())
        except UserError as error:
            assert str(error).isprintable(), str(error)  # noqa: PT017
    assert len(damaged) > 2 * len(kept) > 0
    for images in kept:
        np.testing.assert_array_equal(images, grey())


def test_images_larger_than_the_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kB may promise terabytes."""
    monkeypatch.setattr("flowdepth.data.own.reading.free_memory", lambda: 1_000_000)
    np.savez_compressed(tmp_path / "own.npz", images=np.zeros((1000, 50, 50), dtype=np.uint8))
    message = refusal(name="images", root=str(tmp_path / "own.npz"))
    assert (tmp_path / "own.npz").stat().st_size < 10_000
    assert "its arrays images take 2,500,000 bytes, where 1,000,000 of this machine's" in message


MASKS = np.random.default_rng(0).integers(0, 2, (40, 3, 4), dtype=np.uint8)
ONE_VALUE: dict[str, tuple[dict[str, np.ndarray], str, str]] = {
    "all white": ({"images": np.full((40, 3, 4), 255, np.uint8)}, "static", "1 in the train split"),
    "a dark split": (
        {"train": grey(), "validation": grey(4) // 2, "test": grey(4)},
        *("threshold", "0 in the validation split"),
    ),
    "a black mask": ({"train": MASKS, "test": 0 * MASKS}, "dynamic", "0 in the test split"),
    "an even grey": ({"images": 0 * MASKS + 99}, "dynamic", "99 in the train split"),
}


@pytest.mark.parametrize(("arrays", "binarisation", "words"), ONE_VALUE.values(), ids=ONE_VALUE)
def test_split_that_binarisation_leaves_with_one_value_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], binarisation: str, words: str
) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    message = refusal(name="images", root=str(tmp_path / "own.npz"), binarisation=binarisation)
    found = f"dataset.binarisation: {binarisation} leaves the one value {words} of images"
    assert message.startswith(f"{found}, expected 0 and 1; its values, up to ")


RANGES: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "a mask beside grey": (
        {"train": MASKS, "test": grey()},
        "255 in the array test but up to 1 in",
    ),
    "a mask of 0 and 255": (
        {"train": MASKS * 255, "validation": MASKS, "test": MASKS * 255},
        "255 in the array train but up to 1 in validation",
    ),
    "16 beside 255": (
        {"train": grey(), "test": grey(top=16)},
        "255 in the array train but up to 16 in test",
    ),
    "a mask beside 16": (
        {"train": MASKS, "test": grey(top=16)},
        "16 in the array test but up to 1",
    ),
    "all black": ({"train": grey(), "test": 0 * MASKS}, "255 in the array train but up to 0 in"),
}


@pytest.mark.parametrize("binarisation", ["static", "dynamic", "threshold", "none"])
@pytest.mark.parametrize(("arrays", "words"), RANGES.values(), ids=RANGES)
def test_arrays_of_different_ranges_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str, binarisation: str
) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    message = refusal(name="images", root=str(tmp_path / "own.npz"), binarisation=binarisation)
    assert f"{tmp_path / 'own.npz'}: found values up to {words}" in message


def test_arrays_that_are_darker_by_chance_have_one_range(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", train=grey(), test=grey(top=200), validation=grey(top=40))
    assert read(Dataset(name="images", root=str(tmp_path / "own.npz"))).levels == 256


def test_images_far_too_dark_raise_a_warning(tmp_path: Path) -> None:
    _, sentences = found(tmp_path / "own.npz", images=grey(top=40))
    assert sentences[0].startswith("No pixel is brighter than 40 of 255: were the values")
