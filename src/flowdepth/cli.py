"""The command ``flowdepth``: fit, evaluate and sample one model, without a study around it."""

from __future__ import annotations

import argparse
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.image import imsave
from torch import Tensor

from flowdepth.api import LogLikelihood, TrainedModel, load
from flowdepth.base.errors import UserError
from flowdepth.base.files import alone, write_bytes, write_frame
from flowdepth.data import inputs, prepared
from flowdepth.data.prepare import prepare
from flowdepth.estimation.thresholds import K_HAT_LIMIT
from flowdepth.settings.sections import Dataset, PackSettings, TrainSettings
from flowdepth.settings.study import Study, read_study
from flowdepth.settings.written import read
from flowdepth.stages.command import guarded
from flowdepth.stages.describe import describe_images
from flowdepth.stages.pack import PackCommand
from flowdepth.stages.prepare import prepare_images
from flowdepth.stages.train import train_pack
from flowdepth.study import layout, provenance
from flowdepth.study.check import check

SECTIONS = ("dataset", *TrainSettings.model_fields)


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    args = _parser().parse_args(words)
    guarded(lambda: args.do(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("flowdepth", description="One model without a study.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_fit(commands.add_parser("fit", help="train one model, or go on where a stop left it"))
    _add_evaluate(commands.add_parser("evaluate", help="estimate the test log-likelihood"))
    _add_sample(commands.add_parser("sample", help="draw images from the prior"))
    return parser


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do=fit)
    parser.add_argument("images", type=Path, help=".npz with images, or train and test [N, H, W]")
    parser.add_argument("--depth", type=int, required=True, help="number K of flow layers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True, help="folder to make")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    setting: dict[str, Any] = {"action": "append", "default": [], "metavar": "SECTION.KEY=VALUE"}
    parser.add_argument("--set", **setting, help="of config.yaml, such as training.epochs=20")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do=evaluate)
    _add_model(parser)
    parser.add_argument("images", type=Path, help=".npz, or images.safetensors of a study or fit")
    parser.add_argument("--samples", type=int, default=5000, help="importance samples an image")
    distributions: dict[str, Any] = {"type": int, "metavar": "DISTRIBUTIONS"}
    parser.add_argument("--annealed", **distributions, help="anneal instead, such as 400")
    parser.add_argument("--output", type=Path, help=".csv to write, a row an image")


def _add_sample(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(do=sample)
    _add_model(parser)
    parser.add_argument("--number", type=int, default=64)
    parser.add_argument("--noise", type=int, default=0, metavar="SEED", help="of the draw")
    parser.add_argument("--width", type=int, help="of an image in pixels, where it is not square")
    parser.add_argument("--output", type=Path, required=True, help=".npz or .png to write")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="model.safetensors")
    parser.add_argument("--seed", type=int, help="of the pack; the first finished one otherwise")


def fit(args: argparse.Namespace) -> None:
    """Prepare the images and train, as a study does."""
    model = layout.outputs("train", args.output)["model"]
    _refuse_existing(model)
    study = _study(args)
    check(study)
    with alone(args.output):
        _refuse_existing(model)
        _fit(args, study)
    print(f"wrote {model}")


def _fit(args: argparse.Namespace, study: Study) -> None:
    prepare_images(study.dataset, args.output)
    describe_images(study.dataset, args.output)
    text = study.pack_settings("train")
    (trained,) = train_pack(
        PackCommand(
            settings=PackSettings.model_validate_json(text),
            text=text,
            depth=args.depth,
            seeds=(args.seed,),
            images=layout.outputs("prepare", args.output)["images"],
            folder=args.output,
            device=args.device,
        )
    )
    if trained.failed:
        _refuse_failed(trained.message, args.output)


def _refuse_failed(message: str, folder: Path) -> None:
    """Raise `UserError`, without the model that nothing can be done with."""
    outputs = layout.outputs("train", folder)
    for path in (layout.provenance("train", folder), outputs["model"]):
        path.unlink()
    raise UserError(
        f"training failed: {message} ({outputs['history']} has the epochs before); lower "
        "training.learning_rate, or change the model, and fit again"
    )


def _study(args: argparse.Namespace) -> Study:
    settings: dict[str, Any] = {"name": "fit", "depths": [args.depth], "seeds": [args.seed]}
    for text in ("dataset.name=npz", *args.set):
        _set(settings, text)
    study = read_study(settings)
    return study.model_copy(update={"dataset": _images_at(args.images, study.dataset)})


def _set(settings: dict[str, Any], text: str) -> None:
    path, equals, value = text.partition("=")
    *sections, key = path.split(".")
    if not equals or not sections or sections[0] not in SECTIONS:
        raise UserError(
            f"--set: found {text}, expected SECTION.KEY=VALUE, such as training.epochs=20, of the "
            f"sections {', '.join(SECTIONS)}"
        )
    for section in sections:
        inner = settings.get(section)
        settings[section] = settings = inner if isinstance(inner, dict) else {}
    settings[key] = read(value, f"--set {path}")


def evaluate(args: argparse.Namespace) -> None:
    """Print the estimate of the test images, and write it by image where asked for."""
    _refuse_existing(args.output)
    model = load(args.model, args.seed)
    x = _test_images(args.images, model, args.model)
    print(f"K = {model.header.depth}, seed {model.seed}: {len(x)} test images")
    found = model.log_likelihood(x, args.samples, annealed=args.annealed)
    _print(found)
    if args.output:
        columns = {name: value.numpy() for name, value in found._asdict().items()}
        write_frame(pd.DataFrame(columns).rename_axis("image").reset_index(), args.output)


def _test_images(path: Path, model: TrainedModel, trained: Path) -> Tensor:
    if path.suffix == ".safetensors":
        images = prepared.load(path)
    else:
        images = prepare(_dataset(path, model, trained))
    return inputs.observed(images, "test", torch.float32)


def _dataset(path: Path, model: TrainedModel, trained: Path) -> Dataset:
    """Return the settings by which images were split when ``trained`` was, where that is known."""
    for folder in (trained.parent, *trained.absolute().parents[2:3]):
        record = layout.provenance("prepare", folder)
        if record.exists():
            dataset = Dataset(**provenance.read(record)["settings"])
            if dataset.name == "npz":
                return _images_at(path, dataset)
    grey = model.header.settings.model.likelihood == "normal"
    dataset = Dataset(name="npz", binarisation="none" if grey else "static")
    print(
        f"no provenance of own images beside {trained}: test images are those of dataset.seed "
        f"{dataset.seed}; if it was trained on images of {path}, some of them may be among these"
    )
    return _images_at(path, dataset)


def _images_at(path: Path, dataset: Dataset) -> Dataset:
    """Return the settings for the file ``path``, whose name a shell has read already."""
    return dataset.model_copy(update={"root": str(path)})


def _print(found: LogLikelihood) -> None:
    count = len(found.log_p)
    over_images = found.log_p.std() / math.sqrt(count) if count > 1 else math.nan
    monte_carlo = found.mcse.square().sum().sqrt() / count
    print(f"NLL {-found.log_p.mean():.3f} nats")
    print(f"standard error {over_images:.3f} over images, {monte_carlo:.3f} by Monte Carlo")
    if found.ess.isnan().all():
        return
    tails = found.k_hat[~found.k_hat.isnan()]
    share = (tails > K_HAT_LIMIT).float().mean()
    print(f"effective sample size {found.ess.mean():.1f} on average")
    print(f"k_hat above {K_HAT_LIMIT}: {share:.1%} of the images")


def sample(args: argparse.Namespace) -> None:
    """Write images from the prior."""
    _refuse_existing(args.output)
    if args.number < 1 or args.output.suffix not in (".npz", ".png"):
        raise UserError(
            f"sample: found --number {args.number} and --output {args.output}, expected at least "
            "one image and a name that ends in .npz or .png"
        )
    model = load(args.model, args.seed)
    width = _width(model.header.pixels, args.width)
    images = model.sample(args.number, args.noise).unflatten(-1, (-1, width)).numpy()
    content = io.BytesIO()
    if args.output.suffix == ".npz":
        np.savez(content, images=images)
    else:
        _save_picture(content, _mosaic(images))
    write_bytes(args.output, content.getvalue())
    print(f"wrote {len(images)} images of {images.shape[1]} x {width} pixels to {args.output}")


def _save_picture(file: io.BytesIO, picture: np.ndarray) -> None:
    from flowdepth.report import style  # imports seaborn, which takes a second

    nameless: dict[str, Any] = {"Software": None}
    with style.visual_language():
        imsave(file, picture, cmap=style.GREYS, format="png", metadata=nameless)


def _width(pixels: int, asked: int | None) -> int:
    width = math.isqrt(pixels) if asked is None else asked
    if width < 1 or pixels % width or (asked is None and width**2 != pixels):
        raise UserError(
            f"--width: found {asked or 'none'}, but images have {pixels} pixels; give the number "
            "of columns of an image"
        )
    return width


def _mosaic(images: np.ndarray) -> np.ndarray:
    """Return the images [N, H, W] row by row in a picture about as many images wide as high."""
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    empty = np.zeros((rows * columns - len(images), *images.shape[1:]), images.dtype)
    tiles = np.concatenate([images, empty]).reshape(rows, columns, *images.shape[1:])
    return tiles.swapaxes(1, 2).reshape(rows * images.shape[1], -1)


def _refuse_existing(path: Path | None) -> None:
    if path and path.exists():
        raise UserError(f"{path}: exists already; delete it, or give another --output")


if __name__ == "__main__":
    main()
