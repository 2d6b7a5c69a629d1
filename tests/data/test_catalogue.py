from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from flowdepth.base.errors import UserError
from flowdepth.data import catalogue
from flowdepth.settings.sections import Dataset, Model
from flowdepth.settings.study import Study
from flowdepth.study.check import check


def grey(images: int, height: int = 4, width: int = 5) -> np.ndarray:
    values = np.arange(images * height * width) % 256
    return values.astype(np.uint8).reshape(images, height, width)


def npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def study(batch_size: int = 2, **dataset: object) -> Study:
    return Study(
        name="s",
        depths=(0,),
        seeds=(0,),
        dataset=Dataset(**dataset),
        training={"batch_size": batch_size},
    )


def refusal(batch_size: int = 2, **dataset: object) -> str:
    with pytest.raises(UserError) as caught:
        check(study(batch_size, **dataset))
    return str(caught.value)


def test_catalogue_imports_no_heavy_library() -> None:
    code = (
        "import sys, flowdepth.data.catalogue as c; from flowdepth.settings.study import Dataset;"
        "c.split_sizes(Dataset(name='digits'));"
        "print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", (1258, 180, 359)),
        ("mnist", (50_000, 10_000, 10_000)),
        ("fashion_mnist", (50_000, 10_000, 10_000)),
        ("binarized_mnist", (50_000, 10_000, 10_000)),
    ],
)
def test_published_sets_split_into_their_known_sizes(
    name: str, expected: tuple[int, int, int]
) -> None:
    assert catalogue.split_sizes(Dataset(name=name)) == expected


def test_splits_of_the_digits_add_up_to_all_images() -> None:
    for validation in (0.0, 0.05, 0.1, 0.33, 0.5):
        sizes = catalogue.split_sizes(Dataset(validation=validation, test=0.37))
        assert sum(sizes) == 1797
        assert sizes.test == 665


def test_images_of_every_npz_layout_are_counted(tmp_path: Path) -> None:
    def sizes(path: Path) -> tuple[int, ...]:
        return catalogue.split_sizes(Dataset(name="images", root=str(path)))

    pool = npz(tmp_path / "pool.npz", images=grey(50), labels=np.arange(50))
    two = npz(tmp_path / "two.npz", train=grey(30), test=grey(7), unrelated=np.arange(3))
    three = npz(tmp_path / "three.npz", train=grey(30), validation=grey(4), test=grey(7))
    assert sizes(pool) == (35, 5, 10)
    assert sizes(two) == (27, 3, 7)
    assert sizes(three) == (30, 4, 7)


def test_fingerprint_changes_with_the_images_alone(tmp_path: Path) -> None:
    edited = grey(50)
    edited[7, 1, 1] ^= 1
    kinds = {
        name: catalogue.fingerprint(
            Dataset(name="images", root=str(npz(tmp_path / name, **arrays)))
        )
        for name, arrays in {
            "first.npz": {"images": grey(50)},
            "same.npz": {"images": grey(50), "unused": np.arange(3)},
            "edited.npz": {"images": edited},
        }.items()
    }
    assert kinds["first.npz"] == kinds["same.npz"] != kinds["edited.npz"]
    assert catalogue.fingerprint(Dataset(name="digits")) == ""


def test_mnist_is_found_packed_or_unpacked_and_packed_files_come_first(tmp_path: Path) -> None:
    mnist = Dataset(name="mnist", root=str(tmp_path))
    raw = tmp_path / "MNIST" / "raw"
    assert catalogue.required_files(mnist)[0] == raw / "train-images-idx3-ubyte.gz"
    assert len(catalogue.missing_files(mnist)) == 4
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").touch()
    assert catalogue.required_files(mnist)[0] == raw / "train-images-idx3-ubyte"
    (raw / "train-images-idx3-ubyte.gz").touch()
    assert catalogue.required_files(mnist)[0] == raw / "train-images-idx3-ubyte.gz"
    assert len(catalogue.missing_files(mnist)) == 3


def test_fashion_mnist_is_read_from_archives_alone(tmp_path: Path) -> None:
    """Nobody has published what their contents should be."""
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").touch()
    missing = catalogue.missing_files(Dataset(name="fashion_mnist", root=str(tmp_path)))
    assert raw / "train-images-idx3-ubyte.gz" in missing


@pytest.mark.parametrize("folder", ["", "binarized_mnist"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_binarized_mnist_is_found_in_every_layout(tmp_path: Path, folder: str, end: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    paths = [
        tmp_path / folder / f"binarized_mnist_{split}.amat{end}"
        for split in ("train", "valid", "test")
    ]
    for path in paths:
        path.touch()
    dataset = Dataset(name="binarized_mnist", root=str(tmp_path))
    assert catalogue.required_files(dataset) == tuple(paths)
    assert catalogue.missing_files(dataset) == ()


def test_digits_need_no_file_and_an_npz_set_needs_its_own(tmp_path: Path) -> None:
    assert catalogue.required_files(Dataset(name="digits")) == ()
    file = tmp_path / "x.npz"
    assert catalogue.required_files(Dataset(name="images", root=str(file))) == (file,)


def test_downloadable_set_is_accepted_before_its_download(tmp_path: Path) -> None:
    for name in ("mnist", "fashion_mnist", "binarized_mnist"):
        check(study(name=name, root=str(tmp_path / "nothing")))


def test_batch_as_large_as_the_training_split_is_accepted() -> None:
    check(study(batch_size=1258))


def test_batch_larger_than_the_training_split_is_refused() -> None:
    message = refusal(batch_size=1259)
    assert "training.batch_size: found 1259" in message
    assert "set it to 1258 or less" in message


def test_empty_splits_are_refused() -> None:
    message = refusal(validation=0, test=0)
    assert "2 mistakes" in message
    assert "dataset.validation: found 0, which leaves the validation split empty" in message
    assert "dataset.test: found 0, which leaves the test split empty" in message


def test_empty_training_split_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "x.npz", images=grey(2))
    message = refusal(name="images", root=str(path), validation=0.49, test=0.5)
    assert "found 0.49 and 0.5, which leave no training image of 2" in message


def test_second_binarisation_of_binarized_mnist_is_refused() -> None:
    message = refusal(name="binarized_mnist", binarisation="dynamic")
    assert "dataset.binarisation: found dynamic, expected static" in message


def test_name_of_old_says_the_new_one() -> None:
    with pytest.raises(ValidationError, match="found npz, which is images now"):
        Dataset(name="npz")


def test_how_to_read_images_is_for_images_of_ones_own() -> None:
    with pytest.raises(ValidationError, match="size says how to read images of your own, but name"):
        Dataset(size=(8, 8))


def test_what_was_understood_is_one_line(tmp_path: Path) -> None:
    path = npz(tmp_path / "x.npz", images=grey(60), labels=np.arange(60) % 4)
    cast = npz(tmp_path / "cast.npz", images=(grey(60) / 255).astype(np.uint8))
    line = "60 images of 4 x 5 in 4 classes, 256 levels of grey, from .npz; 42 train / 6 validation"
    understood = catalogue.understood(Dataset(name="images", root=str(path)))
    assert understood == f"{line} / 12 test"
    warned = catalogue.understood(Dataset(name="images", root=str(cast)))
    assert "nearly all pixels are 0 and the others 1" in warned
    assert catalogue.understood(Dataset()) == ""


def test_convolutions_refuse_images_of_another_shape_with_as_many_pixels(tmp_path: Path) -> None:
    square, wide = (
        study(
            name="images", root=str(npz(tmp_path / f"{i}.npz", images=grey(40, *shape)))
        ).model_copy(update={"model": Model(network="gated_conv")})
        for i, shape in enumerate([(28, 28), (14, 56)])
    )
    check(square)
    with pytest.raises(UserError, match=r"takes images of 28x28 pixels, but those .* have 14x56"):
        check(wide)
